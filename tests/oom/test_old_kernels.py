"""Texts of kernels that were not run: written by hand from their sources' format strings, as they say at the top."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.oom.choice import choose
from lastgasp.oom.parser import parse
from lastgasp.oom.report import Constraint, Report, Task, Victim
from oom.logs import LOGS

WRITTEN = sorted((LOGS / "written").glob("*.txt"))


def the(name: str) -> Report:
    (report,) = parse((LOGS / "written" / name).read_bytes().splitlines(keepends=True))
    return report


@pytest.mark.parametrize("path", WRITTEN, ids=[path.stem for path in WRITTEN])
def test_each_line_is_understood(path: Path) -> None:
    first, *lines = path.read_bytes().splitlines(keepends=True)
    assert first.startswith(b"# Written by hand from the format strings of Linux ")
    (report,) = parse(lines)
    assert report.complete and report.recognised == report.lines == len(lines) and report.unknown == []


# A task taken for asking has no score; 5.0's total can't be told from its report; 5.1 and later print no score; 3.2's
# table hides the page tables that its score counts.
WITHOUT_SCORE = {"3.2-arm.txt", "4.15-arm.txt", "5.0-cpuset.txt", "6.18-exiting.txt"}


@pytest.mark.parametrize("path", WRITTEN, ids=[path.stem for path in WRITTEN])
def test_the_score_printed_is_what_the_kernel_reckons_from_the_table(path: Path) -> None:
    choice = choose(the(path.name))
    assert choice.score_fits is (None if path.name in WITHOUT_SCORE else True)


def test_the_score_of_3_2_counts_page_tables_that_its_table_hides() -> None:
    choice = choose(the("3.2-arm.txt"))
    (chosen,) = (entry for entry in choice.ranking if entry.pid == choice.kernel_pid)
    assert choice.total.pages == 31418 and chosen.points == 24012 * 1000 // 31418 == 764
    hidden = -(-24012 // 512)  # one table for each 2 MB at the least
    assert (24012 + hidden) * 1000 // 31418 == 765


def test_3_2_has_the_old_columns_and_three_sums_of_pages() -> None:
    report = the("3.2-arm.txt")
    assert report.tasks and report.tasks[0] == Task(
        612, b"watchdogd", 0, 612, 623, 42, cpu=0, oom_adj=-17, oom_score_adj=-1000
    )
    assert (report.ram_pages, report.reserved_pages, report.swapcache_pages) == (32768, 1350, 0)
    assert report.gfp_flags == (b"GFP_HIGHUSER_MOVABLE", b"__GFP_ZERO")
    (zone,) = report.zones
    assert (
        zone.node is None and zone.name == b"Normal" and zone.all_unreclaimable and zone.free_block_types == (b"",) * 11
    )
    assert report.victims == [
        Victim(901, b"measure", total_vm_kb=101240, anon_rss_kb=96000, file_rss_kb=48, score=765, how=b"Out of memory")
    ]


def test_3_10_sacrifices_a_child_and_kills_who_shares_its_memory() -> None:
    report = the("3.10-arm.txt")
    assert report.kernel == b"3.10.99-vendor" and report.tainted == b"G           O"
    assert [zone.name for zone in report.zones] == [b"Normal", b"HighMem"]
    assert report.zones[0].lowmem_reserve_pages == (0, 256, 256)
    assert report.zones[1].free_block_types and report.zones[1].free_block_types[0] == b"MC"
    child, sharer = report.victims
    assert (child.pid, child.name, child.sacrificed_for, child.score) == (902, b"a) R 1 (b", 901, 374)
    assert child.how == b"Out of memory" and (child.total_vm_kb, child.anon_rss_kb, child.file_rss_kb) == (
        2560,
        200,
        40,
    )
    assert (sharer.pid, sharer.name, sharer.how) == (903, b"a) R 1 (b", b"sharing same memory")
    assert report.call_trace == (
        b"unwind_backtrace",
        b"show_stack",
        b"dump_header.isra.13",
        b"oom_kill_process",
        b"out_of_memory",
        b"__alloc_pages_nodemask",
    )


def test_a_group_of_cgroup_v1_is_told_with_all_below_it() -> None:
    report = the("3.13-x86-memcg.txt")
    memcg = report.memcg
    assert report.constraint == Constraint.MEMCG and report.mems_allowed == b"0-1"
    assert memcg and (memcg.path, memcg.task_path, memcg.failcnt) == (b"/a", b"/a/b", 532)
    assert (memcg.usage_kb, memcg.limit_kb, memcg.swap_usage_kb, memcg.kmem_usage_kb) == (102400, 102400, 102400, 0)
    assert memcg.stats[b"rss"] == (64 + 102328) * 1024 and memcg.stats[b"cache"] == 8 * 1024
    assert report.call_trace[-1] == b"page_fault" and b"has_capability_noaudit" not in report.call_trace


def test_two_nodes_with_huge_pages() -> None:
    report = the("4.4-arm64-numa.txt")
    assert [(zone.node, zone.name) for zone in report.zones] == [(0, b"DMA"), (1, b"Normal")]
    assert report.hugepages[0] == {b"node": 0, b"total": 8, b"free": 8, b"surp": 0, b"size_kb": 2048}
    assert report.tasks and report.tasks[1].nr_pmds == 12 and report.tasks[1].swapents == 120
    assert report.gfp_flags == (b"GFP_HIGHUSER_MOVABLE", b"__GFP_COLD")
    assert report.page_kb == 4 and report.counts[b"pages_hwpoisoned"] == 0


def test_the_reaper_tells_what_is_left_or_gives_up() -> None:
    (reaped,) = the("4.9-arm.txt").victims
    assert reaped.reaped and not reaped.not_reaped and reaped.left_kb == {b"anon": 0, b"file": 0, b"shmem": 0}
    (stuck,) = the("4.14-mips.txt").victims
    assert stuck.not_reaped and not stuck.reaped and stuck.left_kb == {}


def test_4_9_to_4_14_print_a_node_mask() -> None:
    report = the("4.9-arm.txt")
    assert (report.nodemask, report.order) == (b"0", 0)
    assert report.nodes[0][b"anon_thp"] == 2048 and report.nodes_unreclaimable == {0: True}
    assert report.tainted == b"P        W  O" and report.kernel == b"4.9.37"
    later = the("4.14-mips.txt")
    assert (later.nodemask, later.order, later.gfp_flags) == (b"(null)", 1, (b"GFP_KERNEL",))
    assert later.tasks and later.tasks[0].nr_pmds == 0 and later.slab_kb is None


def test_4_15_counts_page_tables_in_bytes() -> None:
    report = the("4.15-arm.txt")
    assert report.tasks and report.tasks[1].pgtables_bytes == 53248 and report.tasks[1].nr_ptes is None
    assert report.slab_kb == {b"kmalloc-4096": (2100, 2112)}
    assert report.allocating_task and report.victims[0].how == b"Out of memory (oom_kill_allocating_task)"


def test_4_19_kills_a_group_of_cgroup_v2() -> None:
    report = the("4.19-memcg-v2.txt")
    assert report.group_kill == b"/app"
    assert [(victim.pid, victim.reaped) for victim in report.victims] == [(77, True), (78, False)]
    assert report.memcg and report.memcg.task_path == b"/app/worker" and report.memcg.swap_usage_kb == 0


def test_5_0_names_the_cpuset_also_without_groups() -> None:
    report = the("5.0-cpuset.txt")
    assert report.constraint == Constraint.CPUSET and (report.cpuset, report.mems_allowed) == (b"half", b"1")
    assert (report.chosen_pid, report.chosen_name, report.chosen_uid) == (77, b"job", 0)
    assert report.chosen_memcg is None and report.memcg is None
    assert report.invoker_adj == 300 and report.kernel == b"5.0.1+"


def test_nobody_is_killed_where_the_chosen_one_is_dying_already() -> None:
    report = the("6.18-exiting.txt")
    assert report.victims == [] and report.exiting == Victim(77, b"job", how=b"Out of memory")
    assert report.tainted == b"[O]=OOT_MODULE" and report.kernel == b"6.18.2"
    assert report.chosen_memcg == b"/" and report.memcg is None
