"""Which case each real report is, and that the parts of memory add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lastgasp.analysis.oom.cause import Case, End, OomCause, cause
from lastgasp.analysis.oom.memory import Part, memory, zones
from lastgasp.oom.choice import Cause, choose
from lastgasp.oom.parser import parse
from lastgasp.oom.report import Report

LOGS = Path(__file__).parents[1] / "oomlogs"
ALL = sorted(path for path in LOGS.rglob("*") if path.suffix in (".txt", ".kmsg", ".pstore", ".bin"))


def reports(name: str) -> list[Report]:
    return list(parse((LOGS / name).read_bytes().splitlines(keepends=True)))


def causes(name: str) -> list[OomCause]:
    return [cause(report, choose(report)) for report in reports(name)]


@pytest.mark.parametrize(
    ("log", "cases"),
    [
        ("armhf-global-c.txt", [(Case.ONE_PROCESS, None, End.KILLED)]),
        ("armhf-nodump.txt", [(Case.ONE_PROCESS, None, End.KILLED)]),
        ("armhf-panic1.txt", [(Case.ONE_PROCESS, None, End.PANIC)]),
        ("armhf-memcg.txt", [(Case.GROUP, Case.ONE_PROCESS, End.KILLED)]),
        ("armhf-tmpfs.txt", [(Case.SHMEM, None, End.KILLED)]),
        ("armhf-sysrq-f.txt", [(Case.BY_HAND, None, End.KILLED)]),
        ("armhf-slab2.txt", [(Case.KERNEL, Case.CMA, end) for end in (End.KILLED, End.KILLED, End.PANIC)]),
        ("armhf-highmem.txt", [(Case.LOWMEM, Case.KERNEL, end) for end in (End.KILLED, End.KILLED, End.PANIC)]),
        ("armhf-deadlocked.txt", [(Case.PROTECTED, None, end) for end in (End.KILLED, End.PANIC)]),
        ("armhf-overcommit2.txt", [(Case.REFUSED, None, End.NOBODY)] * 5),
        ("written/4.14-mips.txt", [(Case.FRAGMENTED, Case.KERNEL, End.KILLED)]),
        ("written/5.0-cpuset.txt", [(Case.CPUSET, Case.UNKNOWN, End.KILLED)]),
    ],
)
def test_the_case_is_told(log: str, cases: list[tuple[Case, Case | None, End]]) -> None:
    assert [(one.case, one.within, one.end) for one in causes(log)] == cases


@pytest.mark.parametrize("log", ["armhf-global-c.txt", "armhf7.2-memcg.txt", "x86-memcg1-plain.txt"])
def test_who_is_missing_in_a_cut_table_is_not_replaced_by_who_is_not(log: str) -> None:
    """Cut behind every row: nobody is named before the one who really held most stands in it."""
    lines = (LOGS / log).read_bytes().splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if b"oom_score_adj name" in line)
    whole = causes(log)[0].holder
    assert whole is not None
    named = 0
    for end in range(header + 1, len(lines)):
        if b"] " not in lines[end - 1] or b"oom-kill:" in lines[end - 1]:
            break
        (report,) = parse(lines[:end])
        choice = choose(report)
        found = cause(report, choice)
        assert report.cut_table and choice.cause == Cause.CUT
        assert all(choice.needs(entry.pid) is None for entry in choice.ranking)
        if found.holder is None:
            assert Case.CUT in (found.case, found.within)
        else:
            assert found.holder.name == whole.name
            named += 1
    assert end > header + 3
    assert named


def test_while_a_shielded_process_holds_the_memory_innocents_die() -> None:
    found = causes("armhf-adj-leaker-900.txt")
    assert [one.case for one in found] == [Case.PROTECTED] * 6 + [Case.ONE_PROCESS]
    assert all(one.holder is not None and one.holder.name == b"leaker" for one in found)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_the_parts_add_up_to_all_memory(path: Path) -> None:
    for report in parse(path.read_bytes().splitlines(keepends=True)):
        where = memory(report)
        if where is not None:
            assert sum(where.parts.values()) == where.ram_kb + where.over_kb
            assert all(kb >= 0 for kb in where.parts.values())
            assert where.over_kb < 0.02 * where.ram_kb


def test_the_anonymous_part_is_what_the_processes_have() -> None:
    report = reports("armhf-tmpfs.txt")[0]
    where = memory(report)
    assert where is not None
    resident = sum(task.rss or 0 for task in report.tasks or ()) * 4
    assert abs(where.parts[Part.ANON] - resident) < 0.1 * resident


def test_without_memory_info_there_are_no_parts() -> None:
    assert memory(reports("armhf-memcg.txt")[0]) is None
    assert memory(reports("written/4.15-arm.txt")[0]) is None


def test_cma_is_not_for_requests_that_cannot_move() -> None:
    (zone,) = zones(reports("armhf-slab2.txt")[0])
    assert zone.free_kb == 19404
    assert zone.usable_kb == 19404 - 16128
    assert zone.short


def test_free_memory_in_highmem_is_not_for_the_kernel() -> None:
    first = causes("armhf-highmem.txt")[0]
    assert first.elsewhere_kb > 200_000
    assert first.caches[0].name == b"filp"


def test_many_processes_of_like_size_are_together_too_much() -> None:
    report = reports("armhf-global-c.txt")[0]
    assert report.tasks
    template = report.tasks[0]
    many = [replace(template, pid=n, tgid=n, name=b"w%d" % n, rss=1000, oom_score_adj=0) for n in range(1000, 1020)]
    report.tasks = many
    found = cause(report, choose(report))
    assert found.case == Case.MANY_PROCESSES


def test_an_empty_report_is_of_no_case() -> None:
    report = reports("armhf-global-c.txt")[0]
    empty = Report(report.place)
    found = cause(empty, choose(empty))
    assert (found.case, found.end) == (Case.UNKNOWN, End.NOT_TOLD)
