"""Whom the last sample before a real kill names, against whom the kernel then took.

The .snap files beside the logs hold what /proc said of every process, up to half a second before the kill. So the
model is tried as on a recording: sizes are older than the kernel's, and nothing is known of what happened in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lastgasp.oom.badness import NEWEST, Usage
from lastgasp.oom.ranking import Process, first, rank
from lastgasp.oom.report import Constraint, Report
from oom.logs import LOGS, SNAPS, reports

ROW = re.compile(rb"(\d+) \d+ \d+ \d+ (.*) \d+ (-?\d+) (\d+) \d+ \d+ \d+ (\d+) (\d+) \d+ \d+ \d+$", re.S)
TOTALS = re.compile(rb"MemTotal=(\d+).* SwapTotal=(\d+)")
PAGE_KB = 4

# Nobody was killed by points: panics, and the asking task.
NOT_BY_POINTS = {
    "arm64-panic2-ramoops": "a panic kills nobody",
    "armhf-panic1": "a panic kills nobody",
    "armhf-panic2-ramoops": "a panic kills nobody",
    "armhf-kill-allocating": "vm.oom_kill_allocating_task: whoever asks is killed",
    "armhf5.10-kill-allocating": "vm.oom_kill_allocating_task: whoever asks is killed",
    "armhf6.12-kill-allocating": "vm.oom_kill_allocating_task: whoever asks is killed",
}
# The last sample names another.
MISSED = {
    "armhf-slab2": "4.5 s before, sh and h2tool had 3 points each; h2tool, the later of them, had ended by the time",
}


def last_sample(name: str, victim: int) -> tuple[list[Process], int]:
    """The processes of the last sample in which the victim still had memory, and RAM and swap in pages.

    Without pid 1. Victims that no sample saw: the last sample of all before the report was read.
    """
    samples = [sample_of(part) for part in (LOGS / name).read_bytes().split(b"## SAMPLE")[1:]]
    living = [sample for sample in samples if any(one.pid == victim for one in sample[0])]
    return living[-1] if living else samples[0]


def sample_of(part: bytes) -> tuple[list[Process], int]:
    total = TOTALS.search(part)
    assert total is not None
    found = []
    for line in part.splitlines():
        if match := ROW.match(line):
            pid, adj, rss, swap, tables = (int(match[number]) for number in (1, 3, 4, 5, 6))
            if pid != 1 and rss:
                usage = Usage(rss // PAGE_KB, swap // PAGE_KB, tables // PAGE_KB, adj)
                found.append(Process(pid, match[2], usage))
    return found, int(total[1]) // PAGE_KB + int(total[2]) // PAGE_KB


def candidates(processes: list[Process], total: int, report: Report) -> tuple[list[Process], int]:
    """Those whom this report is about: of a group's, its members and its limit."""
    if report.constraint != Constraint.MEMCG or report.memcg is None or report.memcg.limit_kb is None:
        return processes, total
    members = {task.pid for task in report.tasks or ()}
    return [one for one in processes if one.pid in members], report.memcg.limit_kb // PAGE_KB


@pytest.mark.parametrize("name", SNAPS)
def test_the_last_sample_before_a_kill_names_its_victim(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    stem = name.removesuffix(".snap")
    report = reports(stem + ".txt")[0]
    victims = {victim.pid for victim in report.victims}
    if stem in NOT_BY_POINTS:
        assert not victims or report.allocating_task
        return
    assert victims
    assert report.chosen_pid is not None
    processes, total = candidates(*last_sample(name, report.chosen_pid), report)
    chosen = first(rank(processes, NEWEST, total))
    right = chosen is not None and chosen.pid == report.chosen_pid
    record_property("counted: kills looked at from the last sample of all processes before them", 1)
    record_property("counted: of these kills, victims that the sample names", int(right))
    assert right == (stem not in MISSED), (chosen, report.chosen_pid, report.chosen_name)
