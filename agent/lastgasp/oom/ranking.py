"""Who would be killed next among processes, in the kernel's order, and by how much each misses or escapes it.

Plain values in, plain values out: the rows of a report's task table and the samples of a recording take the same way.
``processes`` come in the order of the kernel's list (that of the table; by start, in a recording): it decides ties.
Before 5.1 the kernel may kill a child in place of the first; who is whose child is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lastgasp.oom.badness import ADJ_MAX, ADJ_MIN, Era, Usage, adj_points


@dataclass(frozen=True, slots=True)
class Process:
    """One candidate. ``passed_over``: the kernel does not look at it (pid 1, a thread of the kernel, a dying one)."""

    pid: int
    name: bytes
    usage: Usage
    passed_over: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its points; ``rank`` from 1, None where it may not be killed."""

    process: Process
    points: int | None
    adj_points: int | None  # adj's part in the points
    rank: int | None
    place: int  # where it stood in the kernel's list

    @property
    def pid(self) -> int:
        """The process' number."""
        return self.process.pid


@dataclass(frozen=True, slots=True)
class Needs:
    """What would have changed the choice for one process, all else equal; None where nothing of the kind would have.

    For the first in the ranking: what spares it. For any other: what makes it the first.
    """

    pid: int
    chosen: bool
    adj: int | None  # the value nearest to its own with which the answer is another
    pages: int | None  # how many more (or, for the first, fewer) pages it would have to hold
    other: int | None  # pid of the one that is killed instead, or is killed now


def rank(processes: Iterable[Process], era: Era, total: int) -> list[Ranked]:
    """All processes: those that may be killed first, as the kernel would take them, then the others as listed."""
    killable: list[tuple[int, int, Process]] = []
    spared: list[Ranked] = []
    for place, process in enumerate(processes):
        points = None if process.passed_over else era.points(process.usage, total)
        if points is None:
            spared.append(Ranked(process, None, None, None, place))
        else:
            killable.append((points, place if era.last_of_equals else -place, process))
    killable.sort(key=lambda entry: (-entry[0], -entry[1]))
    ranked = [
        Ranked(process, points, adj_points(era, process.usage, total), number, abs(place))
        for number, (points, place, process) in enumerate(killable, 1)
    ]
    return ranked + spared


def first(ranked: Sequence[Ranked]) -> Ranked | None:
    """Whom the kernel takes; None where nobody may be killed."""
    return ranked[0] if ranked and ranked[0].rank is not None else None


def needs(ranked: Sequence[Ranked], pid: int, era: Era, total: int) -> Needs | None:
    """What would have changed the choice for this process; None where it is not listed or was passed over.

    ``ranked``: as ``rank`` gives it.
    """
    this = next((entry for entry in ranked if entry.pid == pid), None)
    return needs_of(this, ranked, era, total) if this is not None else None


def needs_of(this: Ranked, ranked: Sequence[Ranked], era: Era, total: int) -> Needs | None:
    """The same of one entry of ``ranked``, without a search for it: for those who ask for many."""
    if this.process.passed_over:
        return None
    rival = next((entry for entry in ranked if entry.pid != this.pid), None)  # the strongest: they come first
    rival = rival if rival is not None and rival.points is not None else None

    def wins(usage: Usage) -> bool:
        points = era.points(usage, total)
        if points is None:
            return False
        if rival is None or rival.points is None or points != rival.points:
            return rival is None or rival.points is None or points > rival.points
        return (this.place > rival.place) == era.last_of_equals

    usage = this.process.usage
    chosen = wins(usage)
    adj = _turn(lambda value: wins(replace(usage, adj=value)) != chosen, usage.adj, ADJ_MIN if chosen else ADJ_MAX)
    # Nothing can be chosen by more pages than ten times the total, nor spared by fewer than none.
    bound = usage.rss if chosen else 10 * max(total, 1)
    step = -1 if chosen else 1
    pages = None
    if usage.adj != ADJ_MIN:
        pages = _turn(lambda value: wins(replace(usage, rss=usage.rss + step * value)) != chosen, 0, bound)
    return Needs(this.pid, chosen, adj, pages, rival.pid if rival else None)


def _turn(holds: Callable[[int], bool], start: int, end: int) -> int | None:
    """The value nearest to ``start``, on the way to ``end``, from which on ``holds``: points only rise or only fall."""
    if not holds(end):
        return None
    low, high = 0, abs(end - start)
    sign = 1 if end >= start else -1
    while low < high:
        middle = (low + high) // 2
        if holds(start + sign * middle):
            high = middle
        else:
            low = middle + 1
    return start + sign * low


def away_pages(ranked: Sequence[Ranked], pid: int, era: Era, total: int) -> int | None:
    """How many pages a process would have to grow by to be the next to be killed, all else equal.

    0 or less: it is the next, and that much less would spare it; where nothing would, that is all that it has. None:
    it may not be killed, isn't there, or (before 3.5) is behind one whom no growth overtakes.

    For a sample of a recording, from 6.2 on and before 7.1, the kernel's own error comes on top: later stable releases
    show exact sizes in /proc, while badness is reckoned from counters that lack up to 32 pages for each of four sizes
    and each CPU; with more CPUs than 16, up to twice their number instead of 32.
    """
    this = next((entry for entry in ranked if entry.pid == pid), None)
    if this is None or this.points is None:
        return None
    found = needs_of(this, ranked, era, total)
    if found is None:
        return None
    if found.pages is None:
        return -this.process.usage.rss if found.chosen else None
    return -found.pages if found.chosen else found.pages
