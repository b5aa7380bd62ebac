"""The parser on logs that are cut, mixed, interleaved or endless."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass

import pytest

from lastgasp.oom.parser import MOST_OPEN, Parser, parse
from lastgasp.oom.report import Report
from oom.logs import LOGS, reports

GLOBAL = (LOGS / "armhf-memcg-adj.txt").read_bytes().splitlines(keepends=True)
ONE = (LOGS / "armhf-global-c.txt").read_bytes().splitlines(keepends=True)
BEGIN = next(index for index, line in enumerate(ONE) if b"invoked oom-killer" in line)
BLOCK = ONE[BEGIN:]


def the(lines: list[bytes]) -> Report:
    (report,) = parse(lines)
    return report


def content(report: Report, *without: str) -> dict[str, object]:
    return {slot: getattr(report, slot) for slot in Report.__dataclass_fields__ if slot not in ("place", *without)}


def at(seconds: float, text: bytes, caller: bytes = b"") -> bytes:
    return b"[%5d.%06d]%s %s\n" % (int(seconds), seconds % 1 * 1_000_000, caller, text)


def test_a_place_tells_lines_and_times() -> None:
    place = the(ONE).place
    assert (place.first_line, place.last_line) == (BEGIN + 1, len(ONE))
    assert place.uptime_us == 9_238_088 and place.wall is None
    dated = the([b"Mar  3 10:00:01 host kernel: " + line for line in BLOCK]).place
    assert (dated.first_line, dated.last_line, dated.wall) == (1, len(BLOCK), b"Mar  3 10:00:01")


def test_any_line_may_be_lost_and_costs_only_itself() -> None:
    whole = the(BLOCK)
    for gone in range(1, len(BLOCK) - 1):
        report = the(BLOCK[:gone] + BLOCK[gone + 1 :])
        assert report.complete and report.recognised == report.lines == len(BLOCK) - 1
        assert report.victims == whole.victims
        changed = [key for key, value in content(whole).items() if content(report)[key] != value]
        changed = [key for key in changed if key not in ("lines", "recognised")]
        # Columns stand in one line, but are guessed where that is lost; a zone has three lines.
        assert len(changed) <= 3 or b"oom-kill:" in BLOCK[gone] or b"Comm:" in BLOCK[gone]
        if b"[  pid  ]" in BLOCK[gone]:
            assert changed == ["columns"] and report.tasks == whole.tasks


def test_any_line_may_be_cut_and_costs_only_itself() -> None:
    whole = the(BLOCK)
    for index in range(1, len(BLOCK) - 1):
        line = BLOCK[index].rstrip(b"\n")
        for length in (20, 40, len(line) - 3):
            report = the([*BLOCK[:index], line[:length] + b"\n", *BLOCK[index + 1 :]])
            assert report.complete and report.victims == whole.victims
            assert report.lines - report.recognised <= 1
            assert report.zones[0].name == b"DMA" and len(report.tasks or []) >= 6


def numbers(value: object) -> set[int]:
    """All numbers that a report holds."""
    if isinstance(value, dict):
        return set().union(*map(numbers, value.values())) if value else set()
    if isinstance(value, list | tuple | set):
        return set().union(*map(numbers, value)) if value else set()
    if is_dataclass(value):
        return numbers([getattr(value, field.name) for field in fields(value)])
    return {value} if isinstance(value, int) else set()


def test_no_part_of_a_number_is_taken_for_it() -> None:
    """Sizes, rows and what a victim held, wherever their lines are cut."""
    whole = the(BLOCK)
    true = numbers([whole.zones, whole.nodes, whole.tasks, whole.victims])
    for index, line in enumerate(BLOCK):
        text = line.rstrip(b"\n")
        if any(word in text for word in (b" free:", b"Node 0", b"Killed process", b"leaker")) and index:
            for end in range(16, len(text) - 4):
                report = the([*BLOCK[:index], text[:end] + b"\n", *BLOCK[index + 1 :]])
                told = numbers([report.zones, report.nodes, report.tasks, report.victims])
                assert told - {0} <= true, text[:end]


@pytest.mark.parametrize("name", ["armhf-global-c.txt", "armhf-panic1.txt", "armhf-deadlocked.txt", "armhf-slab2.txt"])
def test_each_line_twice_is_the_same_reports(name: str) -> None:
    """A console that prints, and "dmesg -w" on the same terminal."""
    log = (LOGS / name).read_bytes().splitlines(keepends=True)

    def told(lines: list[bytes]) -> list[object]:
        return [(r.invoker, r.panic, [v.pid for v in r.victims], r.zones) for r in parse(lines)]

    assert told([twice for line in log for twice in (line, line)]) == told(log)


def test_any_tail_of_a_report_names_the_victim() -> None:
    """A ring buffer that wrapped, or a console that was opened late."""
    for start in range(1, len(BLOCK)):
        found = [report for report in parse(BLOCK[start:]) if report.victims]
        assert len(found) == 1 and found[0].victims[0].pid == 95 and found[0].complete


def test_any_head_of_a_report_is_one_that_is_not_complete() -> None:
    for end in range(1, len(BLOCK) - 1):
        report = the(BLOCK[:end])
        assert not report.complete and report.victims == [] and report.recognised == report.lines == end


def test_half_a_line_with_another_behind_it_costs_the_half_only() -> None:
    whole = the(BLOCK)
    for index in range(2, len(BLOCK) - 1):
        spliced = [*BLOCK[:index], b"[    9.238377] usb 1-1: new hi" + BLOCK[index], *BLOCK[index + 1 :]]
        assert content(the(spliced)) == content(whole)


def test_other_lines_of_the_kernel_are_counted_and_kept() -> None:
    other = at(9.2446, b"usb 1-1: new high-speed USB device number 2 using xhci_hcd")
    report = the([*BLOCK[:20], *([other] * 30), *BLOCK[20:]])
    assert (report.lines, report.recognised) == (len(BLOCK) + 30, len(BLOCK))
    assert report.unknown == [b"usb 1-1: new high-speed USB device number 2 using xhci_hcd"] * 20
    assert content(report, "lines", "unknown") == content(the(BLOCK), "lines", "unknown")


def test_lines_of_programs_are_not_counted() -> None:
    report = the([part for line in BLOCK for part in (line, b"sensord: 21.5 degrees\r\n")])
    assert content(report) == content(the(BLOCK))


def test_reports_of_two_callers_may_be_interleaved() -> None:
    first = [line.replace(b"] ", b"][  T95] ", 1) for line in BLOCK]
    other = (LOGS / "armhf-memcg-group.txt").read_bytes().splitlines(keepends=True)
    other = other[next(index for index, line in enumerate(other) if b"invoked" in line) :]
    second = [line.replace(b"] ", b"][  T96] ", 1).replace(b"[    7.", b"[    9.") for line in other]
    mixed = [line for index in range(99) for line in (first[index : index + 1] + second[index : index + 1])]
    a, b = parse(mixed)
    assert content(a) == content(the(BLOCK)) and content(b) == content(the(other))


def test_a_report_that_begins_ends_the_one_before() -> None:
    a, b = parse(BLOCK[:30] + BLOCK)
    assert not a.complete and a.lines == 30 and content(b) == content(the(BLOCK))


def test_the_reaper_may_speak_after_the_next_report_has_begun() -> None:
    later = [line.replace(b"[    9.", b"[   10.") for line in BLOCK]
    reaper = b"oom_reaper: reaped process 95 (leaker), now anon-rss:4kB, file-rss:0kB, shmem-rss:8kB"
    renamed = [line.replace(b"pid=95,", b"pid=91,").replace(b"process 95 ", b"process 91 ") for line in later]
    a, b = parse([*BLOCK, *renamed[:20], at(10.3, reaper), *renamed[20:]])
    assert a.victims[0].reaped and a.victims[0].left_kb == {b"anon": 4, b"file": 0, b"shmem": 8}
    assert not b.victims[0].reaped and b.recognised == b.lines == len(BLOCK)


def test_a_kill_line_without_a_report_is_one_by_itself() -> None:
    kill = BLOCK[-1].replace(b"process 95", b"process 96")
    a, b = parse([*BLOCK, kill])
    assert content(a) == content(the(BLOCK)) and b.victims[0].pid == 96
    assert (b.lines, b.complete, b.invoker, b.tasks) == (1, True, None, None)


def test_of_a_kill_line_that_is_cut_the_pid_is_left() -> None:
    report = the([*BLOCK[:-1], BLOCK[-1][:60] + b"\n"])
    assert report.complete and report.victims[0].pid == 95 and report.victims[0].total_vm_kb is None


@pytest.mark.parametrize(
    "words",
    [
        b"Out of memory: compulsory panic_on_oom is enabled",
        b"Out of memory: system-wide panic_on_oom is enabled",
        b"Out of memory and no killable processes...",
        b"out of memory. panic_on_oom is selected",
        b"System is deadlocked on memory",
    ],
)
def test_panics_without_a_report(words: bytes) -> None:
    report = the([at(5, b"Kernel panic - not syncing: " + words), at(5, b"CPU: 0 PID: 1 Comm: x Not tainted 3.2.0 #1")])
    assert report.panic == words and report.complete and report.victims == []
    assert list(parse([at(5, b"Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009")])) == []


def test_a_request_by_hand_that_finds_nobody() -> None:
    head = [at(5, b"sysrq: Manual OOM execution"), at(5, b"x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1")]
    report = the([*head, at(5, b"sysrq: OOM request ignored. No task eligible")])
    assert report.sysrq and report.complete and report.victims == [] and report.lines == 2


def test_refusals_of_both_forms() -> None:
    old = at(5, b"__vm_enough_memory: pid: 77, comm: a, b c, no enough memory for the allocation")
    new = at(5, b"__vm_enough_memory: pid: 77, comm: x, bytes: 4096 not enough memory for the allocation")
    first, second = (report.refusal for report in parse([old, new]))
    assert first and (first.pid, first.name, first.wanted_bytes) == (77, b"a, b c", None)
    assert second and (second.pid, second.name, second.wanted_bytes) == (77, b"x", 4096)


def test_vendors_columns_are_kept_by_their_heading() -> None:
    heading = b"[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj file-rss shmem_low name"
    report = the(
        [
            at(5, b"x invoked oom-killer: gfp_mask=0xd0, order=0"),
            at(5, heading),
            at(5, b"[   12]     0    12      623       42   1     -17         -1000       17       0x2 12 -7"),
        ]
    )
    (task,) = report.tasks or []
    assert (task.pid, task.name, task.oom_score_adj, task.cpu) == (12, b"12 -7", -1000, 1)
    assert task.other == {b"file-rss": b"17", b"shmem_low": b"0x2"}


NAMES = [
    b"a) R 1 (b",
    b"[  1]  0  1",
    b" lead",
    b"trail ",
    b"12 13",
    b"",
    b"-1 0 x",
    b",task=x,pid=1",
    b"x Not tainted ",
]


@pytest.mark.parametrize("name", [*NAMES, b"x Not tainted ", b"\xff\x01\t\x80", b"[ 1.000001] a", b"<4>[1.0] x"])
def test_names_are_taken_as_they_are(name: bytes) -> None:
    lines = [line.replace(b"leaker", name) for line in BLOCK]
    report = the(lines)
    assert report.invoker == report.chosen_name == name and report.kernel == b"6.1.0-50-armmp"
    assert (report.tasks or [])[-1].name == name and (report.tasks or [])[-1].rss == 15071
    assert report.victims[0].name == name and report.victims[0].anon_rss_kb == 59892
    assert report.recognised == report.lines


def test_a_newline_in_the_name_of_invoker_and_victim() -> None:
    """The kernel prints its clock before each line of a record; a table's row, and all else, goes on there."""
    clock = re.compile(rb"\[[^]]*\] ")
    lines = []
    for line in BLOCK:
        match = clock.match(line)
        lines += line.replace(b"leaker", b"le\n" + (match[0] if match else b"") + b"aker").splitlines(keepends=True)
    report = the(lines)
    assert report.invoker == report.chosen_name == report.victims[0].name == b"le\naker"
    assert (report.tasks or [])[-1].name == b"le\naker" and report.complete


def test_reports_come_while_the_log_goes_on() -> None:
    parser = Parser()
    assert [report for line in BLOCK for report in parser.feed(line)] == []
    assert parser.feed(at(12, b"usb 1-1: new device")) == []
    (report,) = parser.feed(at(20, b"usb 1-1: new device"))
    assert report.complete and parser.close() == []


def test_a_report_without_an_end_is_given_up_in_time() -> None:
    parser = Parser()
    for line in BLOCK[:20]:
        assert parser.feed(line) == []
    (report,) = parser.feed(at(99, b"usb 1-1: new device"))
    assert not report.complete
    without_clock = (line.split(b"] ", 1)[1] for line in BLOCK[:20])
    endless = [*without_clock, *(b"something else %d" % number for number in range(9000))]
    given_up = next(count for count, line in enumerate(endless) if parser.feed(line))
    assert 20 < given_up < 3000


def test_a_reboot_ends_a_report() -> None:
    a, b = parse([*BLOCK[:20], at(0, b"Linux version 6.1.0"), *BLOCK])
    assert not a.complete and b.complete
    a, b = parse([*BLOCK[:20], at(0, b"Booting Linux"), *BLOCK])
    assert not a.complete and a.lines == 20 and b.complete


def test_memory_is_bounded() -> None:
    parser = Parser()
    row = BLOCK[-3]
    assert b"leaker" in row
    for line in [*BLOCK[:-3], *([row] * 40_000)]:
        parser.feed(line)
    (report,) = parser.close()
    assert report.tasks and len(report.tasks) + report.tasks_dropped == 40_006 and len(report.tasks) == 16_384
    assert report.recognised == report.lines
    for number in range(100):
        parser.feed(b"[    9.000000][  T%d] x invoked oom-killer: gfp_mask=0xd0, order=0" % number)
        assert len(parser._open) <= MOST_OPEN
    assert len(parser.close()) == MOST_OPEN


def test_records_that_old_kernels_write_in_pieces_are_put_together() -> None:
    pieces = [b"4,1,5,-;x invoked oom-killer: gfp_mask=0xd0, order=0", b"4,2,5,-;Mem-Info:", b"4,3,5,c;Normal: "]
    pieces += [b"4,4,5,+;3*4kB ", b"4,5,5,+;(UM) ", b" SUBSYSTEM=mm", b"4,6,5,+;0*8kB = 12kB", b"6,7,5,c;Task in "]
    pieces += [b"6,8,5,+;/a", b"6,9,5,+; killed as a result of limit of /b"]
    report = the(pieces)
    (zone,) = report.zones
    assert (zone.free_blocks, zone.free_block_types, zone.free_total_kb) == ((3, 0), (b"UM", b""), 12)
    assert report.memcg and (report.memcg.path, report.memcg.task_path) == (b"/b", b"/a")
    assert report.recognised == report.lines == 4


def test_a_free_list_that_another_processor_tore_is_put_together() -> None:
    at_free = next(index for index, line in enumerate(BLOCK) if b"DMA: " in line)
    clock, text = BLOCK[at_free].split(b"] ", 1)
    words = text.split(b" ")
    torn = [clock + b"] " + b" ".join(part) + b"\n" for part in (words[:4], words[4:9], words[9:])]
    report = the([*BLOCK[:at_free], *torn, *BLOCK[at_free + 1 :]])
    assert report.zones == the(BLOCK).zones and report.recognised == report.lines == len(BLOCK) + 2


def test_a_kernel_without_groups_and_cpusets_says_less() -> None:
    report = the([at(5, b"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=a,b,pid=7,uid=3")])
    assert (report.constraint, report.nodemask, report.cpuset) == ("CONSTRAINT_NONE", b"(null)", None)
    assert (report.chosen_pid, report.chosen_name, report.chosen_uid) == (7, b"a,b", 3)


def test_a_path_and_a_name_may_look_like_more_of_the_line() -> None:
    line = b"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,b,mems_allowed=0-1,3,oom_memcg=/x,task=1"
    report = the([at(5, line + b",task_memcg=/x,task=1/y z,task=t,pid=1,uid=0,pid=7,uid=3")])
    assert (report.cpuset, report.mems_allowed) == (b"a,b", b"0-1,3")
    assert report.memcg and report.memcg.path == b"/x,task=1" and report.memcg.task_path == b"/x,task=1/y z"
    assert (report.chosen_pid, report.chosen_name) == (7, b"t,pid=1,uid=0")


@pytest.mark.parametrize(
    "line",
    [
        b"Killed process 12 (a b), UID 48, total-vm:100kB, anon-rss:9kB, file-rss:8kB, shmem-rss:7kB",
        b"Killed process 12, UID 48, (a b) total-vm:100kB, anon-rss:9kB, file-rss:8kB, shmem-rss:7kB",
        b"Killed process 12 (a b) vsz:100kB, anon-rss:9kB, file-rss:8kB, shmem-rss:7kB, UID:48",
        b"Out of memory: Killed process 12 (a b) total-vm:100kB, anon-rss:9kB, file-rss:8kB, shmem-rss:7kB, UID:48 x",
    ],
)
def test_kill_lines_of_distributions(line: bytes) -> None:
    (victim,) = the([at(5, line)]).victims
    assert (victim.pid, victim.name, victim.uid, victim.total_vm_kb) == (12, b"a b", 48, 100)
    assert (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb) == (9, 8, 7)


def test_a_panic_after_a_kill_is_not_the_kills() -> None:
    panic = at(9.5, b"Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled")
    a, b = parse([*BLOCK, panic])
    assert a.panic is None and b.panic and b.victims == []


def test_anothers_failed_allocation_within_a_report_changes_nothing() -> None:
    """Without tags of callers nothing tells them apart; but what the report said first stays."""
    begin = next(index for index, line in enumerate(BLOCK) if b"pages RAM" in line)
    other = [line.replace(b"DMA free:1276kB", b"DMA free:9kB") for line in BLOCK[1:begin]]
    other = [re.sub(rb"(?<=[a-z]:)\d+", b"9", line) for line in other]
    warning = at(9.2452, b"other: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL), nodemask=(null)")
    report = the([*BLOCK[:begin], warning, *other, *BLOCK[begin:]])
    whole = the(BLOCK)
    for key in ("counts", "zones", "nodes", "tasks", "victims", "invoker_pid", "call_trace", "ram_pages"):
        assert getattr(report, key) == getattr(whole, key)
    assert report.lines == len(BLOCK) + 1 + len(other) and report.unknown[0].startswith(b"other: page allocation")


def test_what_follows_a_report_without_an_end_is_not_counted() -> None:
    report = the([*BLOCK[:20], *(b"[    9.3] something else\n" for _ in range(50))])
    assert (report.lines, report.recognised, report.unknown, report.place.last_line) == (20, 20, [], 20)


def test_a_request_by_hand_long_ago_does_not_count() -> None:
    head = b"x invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0"
    (soon,) = parse([at(5, b"SysRq : Manual OOM execution"), at(5.1, head)])
    (late,) = parse([at(5, b"SysRq : Manual OOM execution"), at(9, head)])
    assert soon.sysrq and not late.sysrq


@pytest.mark.parametrize(
    ("lines", "calls"),
    [
        # PowerPC, RISC-V, MIPS and arm64, by the format strings of their show_stack and show_regs
        (
            [b"[c000000007a8b730] [c000000000394a5c] dump_header+0x64/0x294", b"--- interrupt: 300 at 0x1"],
            [b"dump_header"],
        ),
        ([b"    LR = 0x10001200", b"REGS: c0000001 TRAP: 0300", b"GPR00: 0000000000000000 00007fff12345678"], []),
        (
            [b"[<ffffffff80006a8a>] dump_backtrace+0x1c/0x24", b"ra : ffffffff80006a8a sp : ffffffd0"],
            [b"dump_backtrace"],
        ),
        ([b"Stack : 81a40000 80b8a8a8", b"        ...", b"[<8000b1d4>] show_stack+0x58/0x100"], [b"show_stack"]),
        ([b"epc   : 80012345 f+0x10/0x20", b"$ 0   : 00000000 00000001", b"Process a b (pid: 1, threadinfo=1)"], []),
        ([b"pc : 0000aaaad1234567", b"pstate: 60000000 (nZCv daif)", b"x29: 0000ffff x28: 0000"], []),
    ],
)
def test_the_way_to_the_request_on_any_machine(lines: list[bytes], calls: list[bytes]) -> None:
    report = the([BLOCK[0], *(at(9.2382, line) for line in lines), *BLOCK[1:]])
    assert report.recognised == report.lines == len(BLOCK) + len(lines)
    assert list(report.call_trace[: len(calls)]) == calls


def test_what_the_best_known_reader_gets_wrong_is_right() -> None:
    """A build string after the version, a guarded task whose columns shifted, and zones without a node before them."""
    (report,) = reports("armhf6.12-global-c.txt")
    assert report.kernel == b"6.12.107+deb13-armmp" and report.hardware == b"Generic DT based system"
    guarded = next(task for task in report.tasks or [] if task.name == b"snapd")
    assert guarded.oom_score_adj == -1000 and guarded.swapents == 0 and guarded.rss_anon == 160
    assert [(zone.node, zone.name) for zone in report.zones] == [(None, b"DMA")]


def test_a_kill_line_that_comes_twice_is_one_kill() -> None:
    """With memory.oom.group; where the reports are switched off or rate-limited, there is nothing else of it."""
    line = b"Memory cgroup out of memory: Killed process %d (app) total-vm:99kB, anon-rss:50kB, file-rss:1kB"
    a, b = parse([at(5, line % 7), at(5, line % 7), at(5, line % 8)])
    assert [victim.pid for victim in a.victims] == [7] and [victim.pid for victim in b.victims] == [8]
    assert (a.lines, a.recognised) == (2, 2)


def test_a_name_of_what_begins_a_report_begins_none() -> None:
    """No name is so long; in a recording that was not made by a kernel it may be."""
    kill = b"Out of memory: Killed process 7 ( invoked oom-killer: ) total-vm:99kB, anon-rss:50kB, file-rss:1kB"
    report = the([*BLOCK[:-1], at(9.2447, kill)])
    assert [victim.name for victim in report.victims] == [b" invoked oom-killer: "]
    cut = the([at(5, b"x invoked oom-killer: gfp_m"), at(5, b"Mem-Info:")])
    assert cut.invoker == b"x" and cut.lines == 2


def of_host(host: bytes, lines: list[bytes], clock: bool, seconds: int = 0) -> list[bytes]:
    """As a log server writes them: with the host's name, with or without the kernel's own clock."""
    plain = [line.split(b"] ", 1) for line in lines]
    stamp = b"Mar  3 10:00:01 " + host + b" kernel: "
    return [stamp + (b"[%5d.%s] " % (seconds, head.split(b".")[1]) if clock else b"") + text for head, text in plain]


@pytest.mark.parametrize("clock", [False, True])
def test_reports_of_two_hosts_in_a_log_servers_file_are_told_apart(clock: bool) -> None:
    other = (LOGS / "armhf-memcg-group.txt").read_bytes().splitlines(keepends=True)
    other = other[next(index for index, line in enumerate(other) if b"invoked" in line) :]
    first, second = of_host(b"alpha", BLOCK, clock, 9), of_host(b"beta", other, clock, 900_000)
    mixed = [line for index in range(99) for line in (first[index : index + 1] + second[index : index + 1])]
    a, b = parse(mixed)
    assert content(a) == content(the(BLOCK)) and content(b) == content(the(other))
    reaper = b"oom_reaper: reaped process 95 (leaker), now anon-rss:4kB, file-rss:0kB, shmem-rss:8kB"
    (done,) = parse([*first, b"Mar  3 10:00:02 beta kernel: " + reaper + b"\n"])
    assert not done.victims[0].reaped


MANY = (LOGS / "armhf-adj-leaker-900.txt").read_bytes().splitlines(keepends=True)


def rows(report: Report) -> set[tuple[int, int | None]]:
    return {(task.pid, task.rss) for task in report.tasks or []}


def test_a_hole_over_the_end_of_a_report_and_the_beginning_of_the_next_mixes_neither_tables_nor_victims() -> None:
    """Blocks of a ring, or lines of a log, may be missing there. No process is twice in a table."""
    whole = list(parse(MANY))
    starts = [report.place.first_line - 1 for report in whole]
    heading = [n for n, line in enumerate(MANY) if b"[  pid  ]" in line]
    assert len(starts) == len(heading) > 4
    for first in range(3):
        for end in range(starts[first] + 1, starts[first + 1], 11):
            for begin in range(starts[first + 1] + 1, heading[first + 1] + 2):
                if end <= heading[first] + 2:
                    continue  # nothing of the first table is left that could tell
                found = list(parse(MANY[starts[first] : end] + MANY[begin : starts[first + 1] + 110]))
                told = [report for report in found if report.tasks][:2]
                assert rows(told[0]) <= rows(whole[first]) and rows(told[1]) <= rows(whole[first + 1])
                victims = {victim.pid for victim in told[0].victims}
                assert victims <= {victim.pid for victim in whole[first].victims}
