"""Why memory ran out, as far as one OOM report tells: which of the known cases it is, on what evidence, how surely.

Pure, over a ``Report``, the kernel's ``Choice`` and where the memory was. One report is one instant: who holds most is
in it, who grows is not. The words are the reader's (``report/oom``); here are the case and the values it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lastgasp.analysis.oom.holders import DOMINATES, Holder, by_program, covered, from_victim, held_kb, holders
from lastgasp.analysis.oom.memory import MOST_ORDER, Memory, Part, ZoneState, elsewhere_kb, may_use_cma, memory, zones
from lastgasp.analysis.shape.trend import Confidence
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Constraint, Killer, Report

LARGE = 0.4  # of usable RAM: a part of memory that is to blame
MANY = 3  # processes of one name
PROTECTS = 2  # so many times the victim's memory
NOTABLE = 0.2
KERNEL_IS_ODD = 0.3  # of usable RAM, for the kernel itself; on 96 MB of RAM it takes 10 to 15 % in good health


class Case(StrEnum):
    """What kind of shortage it was."""

    ONE_PROCESS = "one process holds most"
    MANY_PROCESSES = "many processes are together too much"
    SHMEM = "shared memory or tmpfs filled up"
    KERNEL = "kernel memory holds most"
    FRAGMENTED = "memory is free, but not in a row"
    LOWMEM = "a zone is exhausted while others have memory free"
    CMA = "what is free is reserved for CMA"
    GROUP = "a memory group reached its limit"
    CPUSET = "the memory nodes that were allowed are full"
    REFUSED = "overcommit refused an allocation"
    PROTECTED = "a protected process holds the memory"
    BY_HAND = "somebody asked for a kill by sysrq"
    USER_SPACE = "a killer in user space decided"
    FILE = "the file cache holds most and could not be dropped"
    CUT = "the log ends in the task table, before whoever held most"
    UNKNOWN = "the report does not tell"


class End(StrEnum):
    """How it ended."""

    KILLED = "killed"
    PANIC = "panic"
    NOBODY = "nobody was killed"
    NOT_TOLD = "the end is not in the log"


@dataclass(frozen=True, slots=True)
class Slab:
    """An unreclaimable cache of the kernel."""

    name: bytes
    kb: int


@dataclass(frozen=True, slots=True)
class OomCause:
    """The case and the values it rests on; None where the report doesn't hold them."""

    case: Case
    confidence: Confidence
    end: End
    within: Case | None  # of a zone, a group, CMA: what filled it
    holder: Holder | None  # who holds most among processes
    second_kb: int | None  # what the next one holds
    processes: int
    processes_kb: int | None
    memory: Memory | None
    zones: tuple[ZoneState, ...]
    elsewhere_kb: int  # free in zones that the request could not use
    caches: tuple[Slab, ...]
    protected_kb: int  # held by processes that may not be killed
    victim_kb: int | None


def cause(report: Report, choice: Choice) -> OomCause:
    """Never raises; what is not told is None, or Case.UNKNOWN."""
    where = memory(report)
    states = tuple(zones(report))
    held = holders(choice)
    total = sum(one.kb for one in held) if choice.ranking else None
    by_name = by_program(choice, total or 0)
    if report.cut_table and not covered(report, where, total or 0):
        by_name = []
    holder = by_name[0] if by_name else from_victim(choice, where, _victim_kb(report, choice))
    case, confidence, within = _case(report, choice, where, states, by_name, total)
    caches = sorted(((total_kb, name) for name, (_, total_kb) in (report.slab_kb or {}).items()), reverse=True)
    return OomCause(
        case=case,
        confidence=confidence,
        end=_end(report),
        within=within,
        holder=holder,
        second_kb=by_name[1].kb if len(by_name) > 1 else None,
        processes=len(held),
        processes_kb=total,
        memory=where,
        zones=states,
        elsewhere_kb=_elsewhere(report, states),
        caches=tuple(Slab(name, kb) for kb, name in caches[:5]),
        protected_kb=sum(one.kb for one in held if one.protected),
        victim_kb=_victim_kb(report, choice),
    )


def inner(cause: OomCause) -> Case:
    """What filled the group, the low zones or the nodes, where that is known; else the case itself."""
    return cause.within if cause.case in (Case.GROUP, Case.LOWMEM, Case.CPUSET) and cause.within else cause.case


def _end(report: Report) -> End:
    if report.panic is not None:
        return End.PANIC
    if report.victims:
        return End.KILLED
    if report.refusal is not None or report.exiting is not None or report.no_killable:
        return End.NOBODY
    return End.NOT_TOLD


def _victim_kb(report: Report, choice: Choice) -> int | None:
    victim = choice.victim
    if victim is None:
        return None
    sizes = [kb for kb in (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb) if kb is not None]
    return sum(sizes) if sizes else victim.rss_kb


def _elsewhere(report: Report, states: Iterable[ZoneState]) -> int:
    return elsewhere_kb(report) + sum(zone.free_kb for zone in states if not zone.allowed)


Answer = tuple[Case, Confidence, Case | None]


def _case(
    report: Report,
    choice: Choice,
    where: Memory | None,
    states: tuple[ZoneState, ...],
    by_name: list[Holder],
    total: int | None,
) -> Answer:
    if report.refusal is not None:
        return Case.REFUSED, Confidence.HIGH, None
    if report.killer != Killer.KERNEL:
        return Case.USER_SPACE, Confidence.HIGH, None
    if report.sysrq or (report.order is not None and report.order < 0):
        return Case.BY_HAND, Confidence.HIGH, None
    if report.constraint == Constraint.MEMCG or (report.constraint is None and report.memcg is not None):
        within = _in_group(report, choice, by_name, total)
        return Case.GROUP, Confidence.HIGH, Case.CUT if within == Case.UNKNOWN and report.cut_table else within
    filled, surely = _filled(choice, where, by_name, total, _victim_kb(report, choice))
    if report.cut_table and not by_name and filled in (Case.UNKNOWN, Case.MANY_PROCESSES):
        filled = Case.CUT
    if report.constraint in (Constraint.CPUSET, Constraint.MEMORY_POLICY):
        return Case.CPUSET, Confidence.HIGH, filled
    allowed = [zone for zone in states if zone.allowed]
    if 0 < (report.order or 0) <= MOST_ORDER and any(_in_pieces(zone, report.order or 0) for zone in allowed):
        return Case.FRAGMENTED, Confidence.HIGH, filled
    short = bool(allowed) and all(
        zone.usable_kb <= (zone.low_kb or zone.min_kb or 0) + zone.reserve_kb for zone in allowed
    )
    free_kb = sum(zone.usable_kb for zone in allowed)
    if short and _elsewhere(report, states) > max(4 * free_kb, 0.1 * (where.usable_kb if where else 0)):
        return Case.LOWMEM, Confidence.HIGH, filled if filled in (Case.KERNEL, Case.CUT, Case.UNKNOWN) else None
    cma = sum(zone.free_cma_kb for zone in allowed)
    if short and may_use_cma(report) is False and any(_only_cma(zone) for zone in allowed) and cma > free_kb:
        if filled == Case.KERNEL:
            return filled, surely, Case.CMA
        return Case.CMA, Confidence.MEDIUM, filled
    return filled, surely, None


def _in_pieces(zone: ZoneState, order: int) -> bool:
    """Enough is free by the watermarks, but no block is large enough."""
    if zone.min_kb is None or zone.large_blocks is None or zone.large_blocks:
        return False
    return zone.usable_kb > zone.min_kb - zone.boost_kb + zone.reserve_kb + (4 << order)


def _only_cma(zone: ZoneState) -> bool:
    return zone.min_kb is not None and zone.usable_kb <= zone.min_kb + zone.reserve_kb < zone.free_kb


def _in_group(report: Report, choice: Choice, by_name: list[Holder], total: int | None) -> Case:
    stats = report.memcg.stats if report.memcg else {}
    usage = (report.memcg.usage_kb or 0) * 1024 if report.memcg else 0
    anon = stats.get(b"anon", stats.get(b"rss", 0))
    shmem = stats.get(b"shmem", 0)
    kernel = stats.get(b"kernel", 0) or sum(stats.get(name, 0) for name in (b"slab", b"kernel_stack", b"pagetables"))
    if usage and shmem > LARGE * usage and shmem > anon:
        return Case.SHMEM
    if usage and kernel > LARGE * usage and kernel > anon:
        return Case.KERNEL
    return _of_processes(choice, by_name, total, usage // 1024 or None)


def _filled(
    choice: Choice, where: Memory | None, by_name: list[Holder], total: int | None, victim_kb: int | None
) -> tuple[Case, Confidence]:
    """What most of the RAM is."""
    if where is None:
        if not by_name or not total:
            return Case.UNKNOWN, Confidence.LOW
        return _of_processes(choice, by_name, total, None), Confidence.LOW
    anon = where.parts[Part.ANON]
    swapped = max((where.swap_total_kb or 0) - (where.swap_free_kb or 0), 0)
    sizes = {
        Case.SHMEM: where.parts[Part.SHMEM],
        Case.KERNEL: where.kernel_kb,
        Case.FILE: where.parts[Part.FILE],
    }
    most = max(sizes, key=lambda case: sizes[case])
    share = where.share(sizes[most])
    if sizes[most] > anon and share >= (KERNEL_IS_ODD if most == Case.KERNEL else LARGE):
        return most, Confidence.HIGH if share > DOMINATES else Confidence.MEDIUM
    if not by_name or not total:
        if where.share(anon) < DOMINATES:
            return Case.UNKNOWN, Confidence.LOW
        if from_victim(choice, where, victim_kb):
            return Case.ONE_PROCESS, Confidence.MEDIUM
        return Case.MANY_PROCESSES, Confidence.LOW
    case = _of_processes(choice, by_name, total, anon + swapped)
    clear = where.share(anon) > DOMINATES and by_name[0].kb > NOTABLE * where.usable_kb
    return case, Confidence.HIGH if clear else Confidence.MEDIUM


def _of_processes(choice: Choice, by_name: list[Holder], total: int | None, of_kb: int | None) -> Case:
    """Among processes: one that dominates, one that is shielded, or all of them."""
    if not by_name or not total:
        return Case.UNKNOWN
    largest = by_name[0]
    entries = [entry for entry in choice.ranking if entry.pid in largest.pids]
    victim = next((entry for entry in choice.ranking if entry.pid == choice.kernel_pid), None)
    victim_kb = held_kb(victim, choice.page_kb) if victim else 0
    shielded = entries and all(entry.process.usage.adj < 0 for entry in entries)
    other = victim is None or victim.process.name != largest.name
    if shielded and other and largest.kb > PROTECTS * victim_kb and largest.kb > NOTABLE * (of_kb or total):
        return Case.PROTECTED
    second = by_name[1].kb if len(by_name) > 1 else 0
    if largest.share >= DOMINATES or (largest.kb > 0.3 * total and largest.kb >= 3 * second):
        return Case.MANY_PROCESSES if len(largest.pids) >= MANY else Case.ONE_PROCESS
    return Case.MANY_PROCESSES
