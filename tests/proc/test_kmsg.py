"""/dev/kmsg: records, and which of them an OOM report begins with.

data/ holds records as real kernels gave them, from the last of the boot to the kill; in the one of 6.18 the name of
the machine's kernel and of its control group are cut.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.proc import kmsg
from proc.support import NO_NUMBERS, TREES
from trees import Tree

DATA = Path(__file__).parent / "data"


def records(raw: bytes) -> list[bytes]:
    """Return the records of a log: a line that begins with a space belongs to the record above it."""
    found: list[bytes] = []
    for line in raw.splitlines(keepends=True):
        if line.startswith(b" "):
            found[-1] += line
        else:
            found.append(line)
    return found


def begun(raw: bytes) -> list[tuple[int, bytes]]:
    """Return sequence number and text of the kernel's records that a report begins or kills with."""
    split = [kmsg.split(record) for record in records(raw)]
    assert None not in split
    return [(parts[1], parts[3]) for parts in split if parts and not parts[4] and kmsg.begins_oom(parts[3])]


class TestSplit:
    def test_a_record(self) -> None:
        record = b"6,339,5140900,-;NET: Registered protocol family 10\n"
        assert kmsg.split(record) == (6, 339, 5140900, b"NET: Registered protocol family 10", 0)

    def test_a_record_with_a_dictionary(self) -> None:
        record = b"7,160,424069,-;pci_root PNP0A03:00: host bridge window\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n"
        assert kmsg.split(record) == (7, 160, 424069, b"pci_root PNP0A03:00: host bridge window", 0)

    @pytest.mark.parametrize("flag", [b"-", b"c", b"+"])
    def test_a_fragment_of_a_line_is_a_record_of_its_own(self, flag: bytes) -> None:
        # "c" is the first and, before 4.10, "+" a further fragment.
        assert kmsg.split(b"4,7,8," + flag + b";Call Trace:\n") == (4, 7, 8, b"Call Trace:", 0)

    @pytest.mark.parametrize("caller", [b"T123", b"C0"])
    def test_the_caller_is_not_text(self, caller: bytes) -> None:
        assert kmsg.split(b"4,7,8,-,caller=" + caller + b";x\n") == (4, 7, 8, b"x", 0)

    def test_the_flag_may_be_missing(self) -> None:
        assert kmsg.split(b"4,7,8;x\n") == (4, 7, 8, b"x", 0)

    def test_text_may_hold_the_separators_and_escapes(self) -> None:
        assert kmsg.split(b"4,7,8,-;a;b,c\\x0a\\x5c d\n") == (4, 7, 8, b"a;b,c\\x0a\\x5c d", 0)
        assert kmsg.split(b"4,7,8,-;\n") == (4, 7, 8, b"", 0)

    def test_what_a_process_wrote_has_a_facility(self) -> None:
        assert kmsg.split(b"12,7,8,-;x\n") == (4, 7, 8, b"x", 1)
        assert kmsg.split(b"30,340,5690716,-;udevd[80]: starting version 181\n") == (
            6, 340, 5690716, b"udevd[80]: starting version 181", 3,
        )  # fmt: skip

    @pytest.mark.parametrize("record", [b"", b"\n", b"x", b"6,339,5140900,-", b"6,339;x", b";x", b" SUBSYSTEM=acpi\n"])
    def test_what_is_no_record(self, record: bytes) -> None:
        assert kmsg.split(record) is None

    @pytest.mark.parametrize("word", NO_NUMBERS)
    def test_a_head_that_makes_no_sense_is_no_record(self, word: bytes) -> None:
        for head in (b"%s,1,2,-;x", b"6,%s,2,-;x", b"6,1,%s,-;x"):
            assert kmsg.split(head % word) is None

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_every_captured_record_is_one(self, tree: Tree) -> None:
        split = [kmsg.split(record) for record in records(tree.files["dev/kmsg"])]
        assert len(split) > 30
        assert None not in split
        assert [parts[1] for parts in split if parts] == sorted(parts[1] for parts in split if parts)

    def test_the_last_captured_record_on_armhf(self) -> None:
        last = records(TREES["armhf-6.1"].files["dev/kmsg"])[-1]
        text = b"Adding 16380k swap on /dev/zram0.  Priority:-2 extents:1 across:16380k SSFS"
        assert kmsg.split(last) == (6, 197, 6087521, text, 0)


class TestRealReports:
    """Only the line that opens the report, and the kill lines, are such lines."""

    def test_5_10_killing_the_allocating_task(self) -> None:
        ((first, invoked), (last, killed)) = begun((DATA / "oom-5.10-armhf-allocating-task.kmsg").read_bytes())
        assert (first, last) == (166, 218)
        assert invoked.startswith(b"leaker invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, ")
        assert killed.startswith(b"Out of memory (oom_kill_allocating_task): Killed process 81 (leaker) ")

    def test_6_1_global(self) -> None:
        ((first, invoked), (last, killed)) = begun((DATA / "oom-6.1-arm64-global.kmsg").read_bytes())
        assert (first, last) == (220, 274)
        assert invoked.startswith(b"leaker invoked oom-killer: ")
        assert killed.startswith(b"Out of memory: Killed process 99 (leaker) ")

    def test_6_1_killing_a_whole_group(self) -> None:
        found = begun((DATA / "oom-6.1-armhf-group.kmsg").read_bytes())
        assert [number for number, _ in found] == [191, 221, 222, 223, 224, 225]
        assert found[2][1] == b"Tasks in /app are going to be killed due to memory.oom.group set"
        assert found[5][1].startswith(b"Memory cgroup out of memory: Killed process 100 (inB) ")

    def test_6_1_a_process_whose_name_looks_like_a_part_of_the_report(self) -> None:
        found = begun((DATA / "oom-6.1-armhf-hostile-comm.kmsg").read_bytes())
        assert [number for number, _ in found] == [191, 230]
        assert found[0][1].startswith(b"ev,pid=1) [7] invoked oom-killer: ")

    def test_6_12_in_a_control_group(self) -> None:
        found = begun((DATA / "oom-6.12-armhf-memcg.kmsg").read_bytes())
        assert [number for number, _ in found] == [188, 271]
        assert found[1][1].startswith(b"Memory cgroup out of memory: Killed process 147 (leaker) ")

    def test_6_18_in_a_control_group_of_version_1(self) -> None:
        found = begun((DATA / "oom-6.18-x86_64-memcg.kmsg").read_bytes())
        assert [number for number, _ in found] == [512, 592]

    def test_7_2_asked_for_by_sysrq(self) -> None:
        found = begun((DATA / "oom-7.2-armhf-sysrq.kmsg").read_bytes())
        assert [number for number, _ in found] == [188, 231]
        assert b"order=-1" in found[0][1]

    @pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
    def test_a_boot_without_a_kill_has_none(self, tree: Tree) -> None:
        assert begun(tree.files["dev/kmsg"]) == []


class TestBeginsOom:
    @pytest.mark.parametrize(
        "text",
        [
            # 3.10, 4.9, 4.19, and of sysrq
            b"sensord invoked oom-killer: gfp_mask=0x280da, order=0, oom_score_adj=0",
            b"sensord invoked oom-killer: gfp_mask=0x24280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO), nodemask=0, order=0, o",
            b"sensord invoked oom-killer: gfp_mask=0x6200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null),  order=0, oom_sco",
            b"kworker/0:2 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0",
            b" invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            b"a\\x0ab invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            # of reports whose head was rate-limited or overwritten: up to 5.0, and since
            b"Out of memory: Kill process 412 (sensord) score 512 or sacrifice child",
            b"Out of memory: Killed process 412 (sensord) total-vm:61400kB, anon-rss:59892kB, file-rss:4kB",
            b"Out of memory (oom_kill_allocating_task): Kill process 412 (sensord) score 0 or sacrifice child",
            b"Memory cgroup out of memory: Kill process 412 (sensord) score 975 or sacrifice child",
            b"Memory cgroup out of memory: Killed process 412 (sensord) total-vm:15072kB, anon-rss:13956kB",
            b"Out of memory: OOM victim 412 (sensord) is already exiting. Skip killing the task",
            b"Memory cgroup out of memory: OOM victim 412 (sensord) is already exiting. Skip killing the task",
            b"Tasks in /system.slice/a b are going to be killed due to memory.oom.group set",
            # nobody to kill: in 4.9 only the panic says so
            b"Out of memory and no killable processes...",
            b"Kernel panic - not syncing: Out of memory and no killable processes...",
            b"Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled",
            b"Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled",
            # a vendor's kernel that puts the CPU and the process before every line
            b"[0:   kswapd0:   70] Out of memory: Kill process 412 (sensord) score 512 or sacrifice child",
        ],
    )
    def test_these_do(self, text: bytes) -> None:
        assert kmsg.begins_oom(text)

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"sysrq: Manual OOM execution",
            b"sysrq: OOM request ignored. No task eligible",
            b"Task in /app killed as a result of limit of /app",
            b"Memory cgroup stats for /app:",
            b"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/",
            b"oom_reaper: reaped process 412 (sensord), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
            b"Killed process 412 (sensord) total-vm:61400kB, anon-rss:59892kB, file-rss:4kB, shmem-rss:388kB",
            b"OOM killer enabled.",
            b"OOM killer disabled.",
            b"kworker/0:1: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)",
            b"usb 1-1: Out of memory",
            b"Bluetooth: hci0: Out of memory",
            b"cannot register netdevice: Out of memory!",
            b"UBIFS error (ubi0:0 pid 1): out of memory",
            b"Kernel panic - not syncing: No working init found.",
            b"Out of memory: [8]: segfault at 0 ip 00000000 sp 7efff000 error 4",  # a process can be called so
            b"see http://example.org/invoked oom-killer",
        ],
    )
    def test_these_do_not(self, text: bytes) -> None:
        assert not kmsg.begins_oom(text)

    def test_a_process_can_only_pretend_with_a_facility_that_gives_it_away(self) -> None:
        parts = kmsg.split(b"11,7,8,-;Out of memory: Killed process 1 (init) total-vm:4kB\n")
        assert parts is not None
        assert kmsg.begins_oom(parts[3])
        assert parts[4] == 1
