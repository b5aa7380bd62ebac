"""What several OOM reports of one log show together that none of them shows alone.

Each report's task table is a sample: one process in several of them has a curve, if only of a few points, taken while
memory was short. A name that is killed again and again with new pids is a loop. Innocents die while one that is
shielded goes on. Pure; a log with several boots is cut where its clock goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from lastgasp.analysis.oom.cause import Case, OomCause
from lastgasp.analysis.oom.holders import held_kb
from lastgasp.analysis.shape.trend import Confidence
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report

GROWN = 0.05  # of its first size: less is no growth
GROWN_KB = 1024
MANY_POINTS = 3  # so many, all rising, and over so long, are more than a program that has just started
LONG_US = 10_000_000
LOOP = 3  # kills of one name
SHOWN = 8  # growing processes that are told


class Event(Protocol):
    """One report with what was found out about it."""

    @property
    def report(self) -> Report:
        """What the kernel wrote."""

    @property
    def choice(self) -> Choice:
        """Whom it took."""

    @property
    def cause(self) -> OomCause:
        """Why memory ran out."""

    @property
    def source(self) -> str:
        """The log that it stood in."""


@dataclass(frozen=True, slots=True)
class Point:
    """What it held in one report."""

    event: int  # from 1
    uptime_us: int | None
    kb: int


@dataclass(frozen=True, slots=True)
class TableGrowth:
    """One process that was larger in every later table, or in all of them taken together."""

    name: bytes
    pid: int
    points: tuple[Point, ...]
    grown_kb: int
    over_us: int | None  # None: the log has no clock of the kernel's
    confidence: Confidence

    @property
    def per_s(self) -> float | None:
        """Bytes a second from the first to the last table. While memory is short it cannot grow as it would."""
        return self.grown_kb * 1024e6 / self.over_us if self.over_us else None


@dataclass(frozen=True, slots=True)
class KillLoop:
    """One name, killed again and again in one group (or in none), each time as a process that was not there before."""

    name: bytes
    events: tuple[int, ...]
    pids: tuple[int, ...]
    sizes_kb: tuple[int, ...]  # at each kill, as far as told
    between_us: tuple[int, ...]  # from kill to kill, as far as told

    @property
    def least_per_s(self) -> float | None:
        """Bytes a second that it took at least, from its start after the kill before to its own."""
        if not self.sizes_kb or not self.between_us:
            return None
        longest = max(self.between_us)
        return min(self.sizes_kb) * 1024e6 / longest if longest else None


@dataclass(frozen=True, slots=True)
class Shielded:
    """Kills in the place of one that its oom_score_adj shields."""

    name: bytes
    pids: tuple[int, ...]
    events: tuple[int, ...]
    victims: tuple[bytes, ...]
    freed_kb: int  # what the victims held together
    first_kb: int
    last_kb: int
    left: tuple[bytes, ...]  # who may still be killed after the last of these kills, but not the shielded one


@dataclass(frozen=True, slots=True)
class Refusals:
    """One process that overcommit refused memory."""

    name: bytes
    pid: int
    events: tuple[int, ...]
    wanted_bytes: tuple[int, ...]  # as far as told: 6.7 and later
    first_us: int | None
    last_us: int | None


@dataclass(frozen=True, slots=True)
class Series:
    """All of it; empty where the reports have nothing to do with one another."""

    boots: int  # at least so many
    growth: tuple[TableGrowth, ...]  # what grew most first
    loops: tuple[KillLoop, ...]
    shielded: tuple[Shielded, ...]
    refusals: tuple[Refusals, ...]

    def grown(self, event: int, pids: Iterable[int]) -> TableGrowth | None:
        """The growth, seen in this event as in others, of one of these processes."""
        wanted = set(pids)
        for one in self.growth:
            if one.pid in wanted and any(point.event == event for point in one.points):
                return one
        return None


Numbered = tuple[int, Event]


def series(events: Sequence[Event]) -> Series:
    """Never raises."""
    boots = list(_boots(list(enumerate(events, 1))))
    growth = [one for boot in boots for one in _growth(boot)]
    growth.sort(key=lambda one: -one.grown_kb)
    return Series(
        len(boots),
        tuple(growth[:SHOWN]),
        tuple(loop for boot in boots for loop in _loops(boot)),
        tuple(one for boot in boots for one in _shielded(boot)),
        tuple(one for boot in boots for one in _refusals(boot)),
    )


def _boots(events: list[Numbered]) -> Iterable[list[Numbered]]:
    """Cut where another log begins or the kernel's clock goes back."""
    current: list[Numbered] = []
    for number, event in events:
        if current:
            before = current[-1][1]
            last, now = before.report.place.uptime_us, event.report.place.uptime_us
            back = last is not None and now is not None and now < last - LONG_US
            if back or event.source != before.source:
                yield current
                current = []
        current.append((number, event))
    if current:
        yield current


def _growth(events: list[Numbered]) -> Iterable[TableGrowth]:
    curves: dict[tuple[int, bytes], list[Point]] = {}
    dead: set[int] = set()
    for number, event in events:
        for entry in event.choice.ranking:
            if entry.pid not in dead:
                kb = held_kb(entry, event.choice.page_kb)
                point = Point(number, event.report.place.uptime_us, kb)
                curves.setdefault((entry.pid, entry.process.name), []).append(point)
        dead |= {victim.pid for victim in event.report.victims}
    for (pid, name), points in curves.items():
        grown = points[-1].kb - points[0].kb
        if len(points) < 2 or grown < max(GROWN_KB, GROWN * points[0].kb):
            continue
        first, last = points[0].uptime_us, points[-1].uptime_us
        over = last - first if first is not None and last is not None and last > first else None
        rising = all(after.kb >= before.kb for before, after in pairwise(points))
        sure = rising and len(points) >= MANY_POINTS and (over or 0) >= LONG_US
        yield TableGrowth(name, pid, tuple(points), grown, over, Confidence.MEDIUM if sure else Confidence.LOW)


def _loops(events: list[Numbered]) -> Iterable[KillLoop]:
    """One that was listed already when the one before it was killed is a sibling, not its next life."""
    kills: dict[tuple[bytes, bytes], list[tuple[int, int, int | None, int | None]]] = {}
    listed: dict[tuple[bytes, bytes], set[int]] = {}  # who was there at the last kill of that name
    for number, event in events:
        victim = event.choice.victim
        if victim is None or not victim.name or not victim.pid:
            continue
        group = event.report.memcg.path if event.report.memcg is not None else None
        of = victim.name, group or b""
        if victim.pid not in listed.get(of, ()):
            kill = (number, victim.pid, event.cause.victim_kb, event.report.place.uptime_us)
            kills.setdefault(of, []).append(kill)
        listed.setdefault(of, set()).update(entry.pid for entry in event.choice.ranking)
        listed[of].add(victim.pid)
    for (name, _), found in kills.items():
        if len(found) < LOOP:
            continue
        times = [at for _, _, _, at in found if at is not None]
        yield KillLoop(
            name,
            tuple(number for number, _, _, _ in found),
            tuple(pid for _, pid, _, _ in found),
            tuple(kb for _, _, kb, _ in found if kb is not None),
            tuple(later - earlier for earlier, later in pairwise(times) if later > earlier),
        )


def _shielded(events: list[Numbered]) -> Iterable[Shielded]:
    runs: dict[tuple[int, ...], list[Numbered]] = {}
    for number, event in events:
        cause = event.cause
        if Case.PROTECTED in (cause.case, cause.within) and cause.holder is not None and event.report.victims:
            runs.setdefault(cause.holder.pids, []).append((number, event))
    for pids, found in runs.items():
        first, last = found[0][1], found[-1][1]
        if len(found) < 2 or first.cause.holder is None or last.cause.holder is None:
            continue
        gone = {victim.pid for _, event in found for victim in event.report.victims}
        left = [
            entry for entry in last.choice.ranking if entry.rank and entry.pid not in gone and entry.pid not in pids
        ]
        yield Shielded(
            first.cause.holder.name,
            pids,
            tuple(number for number, _ in found),
            tuple(event.choice.victim.name for _, event in found if event.choice.victim is not None),
            sum(event.cause.victim_kb or 0 for _, event in found),
            first.cause.holder.kb,
            last.cause.holder.kb,
            tuple(entry.process.name for entry in left),
        )


def _refusals(events: list[Numbered]) -> Iterable[Refusals]:
    found: dict[tuple[int, bytes], list[Numbered]] = {}
    for number, event in events:
        refusal = event.report.refusal
        if refusal is not None:
            found.setdefault((refusal.pid, refusal.name), []).append((number, event))
    for (pid, name), of in found.items():
        wanted = [event.report.refusal.wanted_bytes for _, event in of if event.report.refusal is not None]
        yield Refusals(
            name,
            pid,
            tuple(number for number, _ in of),
            tuple(size for size in wanted if size is not None),
            of[0][1].report.place.uptime_us,
            of[-1][1].report.place.uptime_us,
        )
