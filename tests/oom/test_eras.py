"""What is read of the reports of each kernel: eras.txt. LASTGASP_GOLDEN=write writes it anew, to be read before kept.

A field that a kernel's reports used to have and have no longer shows here; so does what an old kernel doesn't print.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from lastgasp.oom.parser import parse
from lastgasp.oom.report import Memcg, Report, Task, Victim
from oom.logs import KERNEL_LOGS, LOGS, reports

TABLE = Path(__file__).parent / "eras.txt"
# Of the parser itself, or of single events whatever the kernel: they say nothing of an era.
APART = {"place", "killer", "reason", "lines", "recognised", "unknown", "complete", "tasks_dropped", "refusal", "panic"}
APART |= {"sysrq", "allocating_task", "no_killable", "exiting", "group_kill", "memcg", "nodes_unreclaimable"}
OF_VICTIM = {"pid", "name", "how", "sacrificed_for", "reaped", "not_reaped", "left_kb", "rss_kb", "tgid"}
ARCHITECTURE = re.compile("^(?:armhf|arm64|x86)")
REPORT = [field.name for field in fields(Report) if field.name not in APART]
GROUP = [field.name for field in fields(Memcg)]


def kernels() -> dict[str, list[Report]]:
    """All reports of real and of written logs, by kernel."""
    found: dict[str, list[Report]] = {}
    for path in sorted((LOGS / "written").glob("*.txt")):
        found[path.stem + ", written"] = list(parse(path.read_bytes().splitlines(keepends=True)))
    for name in KERNEL_LOGS:
        for report in reports(name):
            if report.kernel is not None:
                version = ".".join(report.kernel.decode().split("-")[0].split(".")[:2])
                found.setdefault(f"{version} {ARCHITECTURE.findall(name)[0]}", []).append(report)
    return dict(
        sorted(found.items(), key=lambda item: [int(part) for part in item[0].split("-")[0].split()[0].split(".")])
    )


def told(things: Iterable[object], names: Iterable[str]) -> list[str]:
    """Which of these fields any of the things has."""
    every = list(things)
    return [name for name in names if any(getattr(thing, name) not in (None, [], {}, (), b"") for thing in every)]


def row(kernel: str, found: list[Report]) -> list[str]:
    tasks = [task for report in found for task in report.tasks or []]
    victims = [victim for report in found for victim in report.victims]
    zones = [zone for report in found for zone in report.zones]
    groups = [report.memcg for report in found if report.memcg is not None]
    has = told(found, REPORT)
    lines = f"{sum(report.recognised for report in found)}/{sum(report.lines for report in found)}"
    sizes = {name for zone in zones for name in zone.kb}
    nodes = {name for report in found for node in report.nodes.values() for name in node}
    columns = told(tasks, [field.name for field in fields(Task)])
    values = told(victims, [field.name for field in fields(Victim) if field.name not in OF_VICTIM])
    group = f"{len(told(groups, GROUP))}/{len(GROUP)}" if groups else "-"
    statistics = len({name for one in groups for name in one.stats})
    counts = {name for report in found for name in report.counts}
    numbers = [len(counts), len(nodes), len(sizes), len(columns), len(values)]
    absent = " ".join(name for name in REPORT if name not in has)
    return [
        kernel,
        str(len(found)),
        lines,
        f"{len(has)}/{len(REPORT)}",
        *map(str, numbers),
        group,
        str(statistics),
        absent,
    ]


HEAD = ["kernel", "reports", "lines read", "fields", "counters", "of nodes", "of zones", "task columns", "of victims"]
HEAD += ["of groups", "statistics", "fields that no report has"]


def table() -> str:
    rows = [HEAD, *(row(kernel, found) for kernel, found in kernels().items())]
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(HEAD))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows)
    return "\n".join(lines) + "\n"


def test_as_much_is_read_of_each_kernels_reports_as_before() -> None:
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        TABLE.write_text(table())
    assert table() == TABLE.read_text()


def test_what_old_kernels_do_not_print_is_absent_for_that_reason_alone() -> None:
    """The first release that prints a field, of those whose source was looked at."""
    since = {"chosen_pid": (5, 0), "cma_reserved_pages": (4, 0), "slab_kb": (4, 15), "nodes": (4, 8)}
    for kernel, found in kernels().items():
        version = tuple(int(part) for part in kernel.replace("-", " ").split()[0].split("."))
        for name, first in since.items():
            if version < first:
                assert told(found, [name]) == [], kernel
    assert {name for name in since if any(told(found, [name]) for found in kernels().values())} == set(since)
