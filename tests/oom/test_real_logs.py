"""Reports of real kernels, each line understood, held against what was seen of the same processes from outside."""

from __future__ import annotations

import pytest

from lastgasp.oom.report import Constraint, Report, Task
from oom.logs import KERNEL_LOGS, LOGS, SNAPS, reports, samples

# The refusals of overcommit are no reports with a task; a panic names no victim; and a dump may be switched off.
NO_TABLE = {"armhf-nodump", "armhf-overcommit2"}
PAGE_KB = 4


@pytest.mark.parametrize("name", KERNEL_LOGS)
def test_each_line_of_each_report_is_understood(name: str) -> None:
    found = reports(name)
    assert found
    for report in found:
        assert report.complete
        assert report.unknown == []
        assert report.recognised == report.lines > 0


@pytest.mark.parametrize("name", [name for name in KERNEL_LOGS if "overcommit2" not in name])
def test_reports_say_who_asked_and_where(name: str) -> None:
    invoked = (LOGS / name).read_bytes().count(b" invoked oom-killer: gfp_mask=")
    found = reports(name)
    assert len(found) == invoked
    for report in found:
        assert report.invoker and report.gfp_mask and report.gfp_flags and report.order is not None
        if name.endswith(".console.bin") and report is found[-1]:
            continue  # two lines of the report, printed once more by a program
        assert report.invoker_pid and report.invoker_cpu == 0
        assert report.kernel and report.kernel[:1].isdigit() and report.call_trace[-1]
        assert report.hardware or name.startswith("x86")
        assert (report.tasks is None) == (name.split(".", maxsplit=1)[0] in NO_TABLE)


@pytest.mark.parametrize("name", [name for name in KERNEL_LOGS if "memcg" not in name and "overcommit2" not in name])
def test_zones_are_read_where_the_kernel_prints_no_node_before_them(name: str) -> None:
    for report in reports(name):
        if name.endswith(".console.bin") and report.lines == 2:
            continue
        (zone,) = report.zones
        assert zone.name == b"DMA"
        assert zone.node == (0 if name.startswith("arm64") else None)
        assert zone.kb[b"free"] >= 0 and zone.kb[b"min"] > 0 and zone.kb[b"managed"] > 0 and b"free_cma" in zone.kb
        assert (b"boost" in zone.kb) == ("5.10" not in name)
        assert zone.lowmem_reserve_pages and len(zone.lowmem_reserve_pages) == 4
        assert zone.free_blocks and zone.free_block_types and zone.free_total_kb
        assert sum(count * PAGE_KB << order for order, count in enumerate(zone.free_blocks)) == zone.free_total_kb
        assert abs(zone.free_total_kb - zone.kb[b"free"]) < 512
        assert report.page_kb == PAGE_KB
        assert report.counts[b"active_anon"] * PAGE_KB == report.nodes[0][b"active_anon"]
        assert report.nodes_unreclaimable[0] in (True, False)
        assert report.ram_pages and report.reserved_pages and report.cma_reserved_pages is not None
        assert report.swap_total_kb is not None and report.swap_free_kb is not None
        assert report.pagecache_pages is not None and report.swapcache_pages is not None
        assert report.highmem_pages == (69632 if "highmem" in name else 0)


@pytest.mark.parametrize("name", [name for name in KERNEL_LOGS if "memcg" in name])
def test_the_group_whose_limit_was_reached_is_read(name: str) -> None:
    for report in reports(name):
        assert report.constraint == Constraint.MEMCG
        memcg = report.memcg
        assert memcg and memcg.path == memcg.task_path
        assert memcg.usage_kb == memcg.limit_kb in (20480, 24576)
        assert memcg.failcnt and memcg.swap_limit_kb
        if name.startswith("x86"):  # version 1
            assert memcg.stats[b"rss"] == 24944640 and memcg.kmem_usage_kb == 216
        else:
            assert memcg.stats[b"anon"] > 15 << 20 and memcg.kmem_usage_kb is None


@pytest.mark.parametrize("name", SNAPS)
def test_the_victims_are_the_processes_that_vanished(name: str) -> None:
    before, after = samples(name)
    if not after:
        pytest.skip("the machine did not live to tell")
    found = reports(name.replace(".snap", ".txt"))
    victims = {victim.pid: victim.name for report in found for victim in report.victims}
    vanished = {pid: process.name for pid, process in before[-1].items() if pid not in after[-1]}
    short_lived = {task.pid for report in found for task in report.tasks or []} - set(before[-1])
    assert victims
    for pid, victim in victims.items():
        assert vanished.get(pid, victim if pid in short_lived else None) == victim
    assert set(vanished) <= set(victims) | GONE_BY_THEMSELVES.get(name, set())


# A process that ended with its parent or because its work was done.
GONE_BY_THEMSELVES = {"armhf-tmpfs.snap": {95}, "armhf7.2-tmpfs.snap": {119}}


# Nobody but victims had been seen before.
ONLY_LEAKERS = {"armhf-deadlocked.snap", "armhf-slab2.snap"}


@pytest.mark.parametrize("name", SNAPS)
def test_the_table_agrees_with_what_was_seen_just_before(name: str) -> None:
    before, _ = samples(name)
    found = reports(name.replace(".snap", ".txt"))
    last_seen = {pid: process for sample in before for pid, process in sample.items()}
    compared = 0
    for row in found[0].tasks or []:
        if row.pid not in last_seen or row.name in (b"leaker", b"fdleak") or row.pid == found[0].chosen_pid:
            continue  # it was not there yet, or grows at the moment
        seen = last_seen[row.pid]
        if row.name != seen.name and row.name.split(b"\n")[0] != seen.name.split(b"?")[0]:
            continue  # it has started another program since
        compared += 1
        assert row.oom_score_adj == seen.oom_score_adj
        assert row.total_vm is not None and abs(row.total_vm * PAGE_KB - seen.size_kb) <= 64
        assert row.rss is not None and row.swapents is not None
        resident = (row.rss + row.swapents) * PAGE_KB
        assert abs(resident - seen.rss_kb - seen.swap_kb) <= max(1100, seen.rss_kb // 4)
        if row.rss_anon is not None and row.rss_file is not None and row.rss_shmem is not None:
            assert abs(row.rss_anon * PAGE_KB - seen.anon_kb) <= 1100
            assert row.rss_anon + row.rss_file + row.rss_shmem == row.rss
        assert row.tgid == row.pid and row.other == {}
    assert compared >= (0 if found[0].tasks is None or name in ONLY_LEAKERS else 1)


def test_the_kernels_choice_is_in_its_table_wherever_it_has_one() -> None:
    kills = 0
    for name in KERNEL_LOGS:
        for report in reports(name):
            if report.chosen_pid is None or report.tasks is None:
                continue
            rows = {task.pid: task.name for task in report.tasks}
            assert rows[report.chosen_pid] == report.chosen_name
            assert report.victims[0].pid == report.chosen_pid
            kills += 1
    assert kills > 80


def test_a_newline_a_bracket_and_a_comma_in_a_name_belong_to_the_name() -> None:
    for form in (".txt", ".kmsg"):
        (report,) = reports("armhf-comm" + form)
        assert [task.name for task in report.tasks or []] == [
            b"sh",
            b"snapd",
            b"a) b (c]",
            b"x\ny=1,task=",
            b"ev,pid=1) [7]",
        ]
        assert report.invoker == report.chosen_name == report.victims[0].name == b"ev,pid=1) [7]"


def test_the_columns_are_those_of_the_heading() -> None:
    (old,), (new,) = reports("armhf-global-c.txt"), reports("armhf6.12-global-c.txt")
    assert old.columns == tuple(b"pid uid tgid total_vm rss pgtables_bytes swapents oom_score_adj name".split())
    assert new.columns and set(new.columns) - set(old.columns) == {b"rss_anon", b"rss_file", b"rss_shmem"}
    guarded = next(task for task in old.tasks or [] if task.oom_score_adj == -1000)
    assert guarded == Task(88, b"snapd", 0, 88, 269, 269, pgtables_bytes=8192, swapents=0, oom_score_adj=-1000)


def test_unreclaimable_slab_is_read_by_cache() -> None:
    first = reports("armhf-slab2.txt")[0]
    assert first.slab_kb is not None
    assert first.slab_kb[b"filp"] == (15690, 15690)
    assert len(first.slab_kb) == 63
    assert first.counts[b"slab_unreclaimable"] == 7217


def test_a_request_by_hand_and_the_allocating_task_are_told() -> None:
    (by_hand,) = reports("armhf-sysrq-f.txt")
    assert by_hand.sysrq and by_hand.order == -1 and by_hand.invoker == b"kworker/0:2"
    (allocating,) = reports("armhf-kill-allocating.txt")
    assert allocating.allocating_task and allocating.victims[0].pid == allocating.invoker_pid
    assert not allocating.sysrq and not by_hand.allocating_task


def test_all_of_a_group_are_victims_and_none_of_them_twice() -> None:
    (report,) = reports("armhf-memcg-group.txt")
    assert report.group_kill == b"/app"
    assert [victim.name for victim in report.victims] == [b"leaker", b"inA", b"inB"]


def test_panics_tell_their_words() -> None:
    def words(name: str) -> list[bytes | None]:
        return [report.panic for report in reports(name)]

    assert words("armhf-panic1.txt") == [b"Out of memory: system-wide panic_on_oom is enabled"]
    for name in ("armhf-panic2-ramoops.pstore", "armhf-panic2-ramoops.txt", "arm64-panic2-ramoops.pstore"):
        assert words(name) == [b"Out of memory: compulsory panic_on_oom is enabled"]
    assert words("armhf-deadlocked.txt") == [None, b"System is deadlocked on memory"]
    assert reports("armhf-deadlocked.txt")[1].no_killable


def test_refusals_of_overcommit_are_reports_of_their_own() -> None:
    found = reports("armhf-overcommit2.txt")
    assert len(found) == 5
    for report in found:
        assert report.refusal and report.refusal.pid and report.refusal.name
        assert report.invoker is None and report.tasks is None and report.victims == []


def test_a_report_of_the_ring_and_of_the_console_are_the_same() -> None:
    """dmesg cut the statistics of a group on 6.1 at 1 kB; else both forms hold the same."""
    for name in (name for name in KERNEL_LOGS if name.endswith(".kmsg")):
        for ours, theirs in zip(reports(name), reports(name.replace(".kmsg", ".txt")), strict=True):
            assert content(ours) == content(theirs)


def content(report: Report) -> dict[str, object]:
    values = {slot: getattr(report, slot) for slot in Report.__dataclass_fields__}
    for place in ("place", "lines", "recognised"):
        del values[place]
    if report.memcg:
        values["memcg"] = dict(list(report.memcg.stats.items())[:20])
    return values
