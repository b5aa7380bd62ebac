"""Each line that a kernel from 2.6.36 to 7.1 prints in an OOM report, by its format in the source, is understood.

The formats are of mm/oom_kill.c, mm/show_mem.c (lib/show_mem.c and mm/page_alloc.c before), mm/memcontrol*.c,
mm/slab_common.c, mm/swap_state.c, mm/hugetlb.c, mm/util.c, lib/dump_stack.c, kernel/panic.c, drivers/tty/sysrq.c and
arch/arm/mm/init.c of 36 releases. Counters, sizes and statistics are listed by name: what is printed must be there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lastgasp.oom.parser import parse
from lastgasp.oom.report import Report

HEAD = "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
KILL = "Out of memory: Killed process 7 (a b) total-vm:1kB, anon-rss:2kB, file-rss:3kB, shmem-rss:4kB, UID:0"
PANIC = "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled"
STATS = "Memory cgroup stats for /a:"
SLAB = "Unreclaimable slab info:"

BEFORE = {
    "begin": [],
    "head": [HEAD],
    "memory": [HEAD, "Mem-Info:"],
    "slab": [HEAD, "Mem-Info:", SLAB],
    "group": [HEAD],
    "statistics": [HEAD, "memory: usage 1kB, limit 1kB, failcnt 1", STATS],
    "tasks": [HEAD, "Tasks state (memory values in pages):"],
    "killed": [HEAD, KILL],
    "panic": [HEAD, PANIC],
}


def sections() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "formats.txt").read_text().splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:-1] in {*BEFORE, "tables"}:
            lines = found[line[1:-1]] = []
        elif line and not line.startswith("# "):
            lines.append(line)
    return found


LINES = sections()


def printed(form: str) -> str:
    """What printf makes of a format, with numbers that differ; @ stands for a space at an end."""
    numbers = iter(range(11, 99))

    def number(match: re.Match[str]) -> str:
        value = next(numbers)
        digits = f"{value:{match[2] or ''}{'x' if match[3] == 'x' else 'd'}}"
        return "0x" + digits if match[1] else digits

    return re.sub(r"%(#)?(\d+)?(?:ll|l|h)?([dux])", number, form).replace("@", " ")


def read(before: str, line: str) -> Report:
    lines = [*BEFORE[before], line]
    (report,) = parse(b"[    9.%06d] %s\n" % (at, text.encode()) for at, text in enumerate(lines))
    assert report.recognised == report.lines == len(lines), line
    assert report.unknown == []
    return report


@pytest.mark.parametrize("before", BEFORE)
def test_each_format_is_understood_where_it_belongs(before: str) -> None:
    assert len(LINES[before]) > 2
    for form in LINES[before]:
        read(before, printed(form))


COUNTERS = [
    "active_anon:%lu inactive_anon:%lu isolated_anon:%lu",
    " active_file:%lu inactive_file:%lu isolated_file:%lu",
    " unevictable:%lu dirty:%lu writeback:%lu unstable:%lu",
    " unevictable:%lu dirty:%lu writeback:%lu",
    " free:%lu slab_reclaimable:%lu slab_unreclaimable:%lu",
    " slab_reclaimable:%lu slab_unreclaimable:%lu",
    " mapped:%lu shmem:%lu pagetables:%lu bounce:%lu",
    " mapped:%lu shmem:%lu pagetables:%lu",
    " sec_pagetables:%lu bounce:%lu",
    " kernel_misc_reclaimable:%lu",
    " free:%lu free_pcp:%lu free_cma:%lu",
    " free_cma:%lu",
]


@pytest.mark.parametrize("form", COUNTERS)
def test_counters_are_kept_by_name(form: str) -> None:
    line = printed(form)
    told = {name.encode(): int(value) for name, value in re.findall(r"(\w+):(\d+)", line)}
    assert read("memory", line).counts == told and told


NODE = (
    "active_anon inactive_anon active_file inactive_file unevictable isolated(anon) isolated(file) mapped"
    " dirty writeback shmem writeback_tmp unstable kernel_stack shadow_call_stack pagetables"
    " sec_pagetables"
)
THP = "shmem_thp shmem_pmdmapped anon_thp"  # with a space before the number until 6.7
ZONE = (
    "free boost min low high reserved_highatomic free_highatomic active_anon inactive_anon active_file inactive_file"
    " unevictable writepending zspages present managed mlocked dirty writeback mapped shmem slab_reclaimable"
    " slab_unreclaimable kernel_stack shadow_call_stack pagetables unstable bounce free_pcp local_pcp free_cma"
    " writeback_tmp"
)


@pytest.mark.parametrize("space", ["", " "])
def test_sizes_of_a_node_are_kept_by_name(space: str) -> None:
    names = [*NODE.split(), *THP.split(), "Balloon", "gpu_active", "gpu_reclaim"]
    sizes = " ".join(f"{name}:{space if name in THP else ''}{at}kB" for at, name in enumerate(names))
    for end in ("all_unreclaimable? yes", "pages_scanned:120 all_unreclaimable? yes"):
        report = read("memory", f"Node 1 {sizes} {end}")
        kept = report.nodes[1]
        kept.pop(b"pages_scanned", None)
        assert kept == {name.encode(): at for at, name in enumerate(names)}
        assert report.nodes_unreclaimable == {1: True}


@pytest.mark.parametrize("node", [None, 3])
@pytest.mark.parametrize("name", ["DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"])
def test_sizes_of_a_zone_are_kept_by_name(node: int | None, name: str) -> None:
    names = ZONE.split()
    sizes = " ".join(f"{size}:{at}{'KB' if 'highatomic' in size else 'kB'}" for at, size in enumerate(names))
    (zone,) = read("memory", f"{'' if node is None else f'Node {node} '}{name} {sizes}").zones
    assert (zone.node, zone.name) == (node, name.encode())
    assert zone.kb == {size.encode(): at for at, size in enumerate(names)}
    assert zone.all_unreclaimable is None


# memory.stat of both versions, 5.3 to 7.1, by mm/memcontrol.c, mm/memcontrol-v1.c and the names in mm/vmstat.c
STATISTICS = (
    "active_anon active_file anon anon_cost anon_thp cache dirty file file_cost file_dirty file_mapped"
    " file_thp file_writeback hugetlb inactive_anon inactive_file kernel kernel_stack mapped_file"
    " numa_hint_faults numa_pages_migrated numa_pte_updates numa_task_migrated numa_task_swapped"
    " pagetables percpu pgactivate pgdeactivate pgdemote_direct pgdemote_khugepaged pgdemote_kswapd"
    " pgdemote_proactive pgfault pglazyfree pglazyfreed pgmajfault pgpgin pgpgout pgpromote_success"
    " pgrefill pgscan pgscan_direct pgscan_khugepaged pgscan_kswapd pgscan_proactive pgsteal"
    " pgsteal_direct pgsteal_khugepaged pgsteal_kswapd pgsteal_proactive pswpin pswpout rss rss_huge"
    " sec_pagetables shmem shmem_thp slab slab_reclaimable slab_unreclaimable sock swap swapcached"
    " swpin_zero swpout_zero thp_collapse_alloc thp_fault_alloc thp_swpout thp_swpout_fallback unevictable"
    " vmalloc workingset_activate workingset_activate_anon workingset_activate_file workingset_nodereclaim"
    " workingset_refault workingset_refault_anon workingset_refault_file workingset_restore"
    " workingset_restore_anon workingset_restore_file writeback zswap zswap_incomp zswapped zswpin zswpout"
    " zswpwb"
)


def test_statistics_of_a_group_are_kept_by_name() -> None:
    """One a line; each of them may also be the only one that the log holds."""
    for name in STATISTICS.split():
        report = read("statistics", f"{name} 18446744073709551")
        assert report.memcg and report.memcg.stats == {name.encode(): 18446744073709551}


def test_rows_of_all_tables_are_kept_by_column() -> None:
    tables = LINES["tables"]
    for heading, row in zip(tables[::2], tables[1::2], strict=True):
        report = next(iter(parse([HEAD.encode(), heading.encode(), printed(row).encode()])))
        (task,) = report.tasks or []
        columns = heading.replace("[", "").replace("]", "").split()
        assert [getattr(task, column) for column in columns] == [*range(11, 11 + len(columns) - 1), b"x"]
        assert task.other == {} and report.recognised == 3
