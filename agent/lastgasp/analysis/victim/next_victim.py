"""Whom the kernel would kill next at an instant of a recording, and how far every other process is from that.

The arithmetic is that of an OOM report's ranking (``oom.ranking``), the values those of ``live``. Where the kernel's
own oom_score was recorded, the model is held against it. Each memory group with a limit has a ranking of its own,
against that limit: when the group is full, only its members are looked at.

Sizes are kB. What this can't know: who would ask for memory then, and who is a child between vfork and exec, which
the kernel passes over, unless an oom_score of 0 gives it away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lastgasp.analysis.fields import whole
from lastgasp.analysis.oom.events import OomEvent
from lastgasp.analysis.times import Moment, moment
from lastgasp.analysis.victim.instants import before_kill, last_sample
from lastgasp.analysis.victim.live import Candidate, Ground, Lives, Population
from lastgasp.oom.badness import oom_score
from lastgasp.oom.ranking import Process, Ranked, first, needs_of, rank
from lastgasp.oom.what_if import Change, Rule, whole_pages, with_rules
from lastgasp.timeline.lookup import Lookup
from lastgasp.timeline.model import Boot, Recording

SHOWN = 3
SCORE_NEAR = 2  # thousandths: the kernel adds up its counters a moment later, and since 6.2 some with an error


class Unknown(StrEnum):
    """Why nothing can be said."""

    NO_GROUND = "no arithmetic"  # RAM is not recorded, or the kernel is too old
    NO_PROCESSES = "no processes"


@dataclass(frozen=True, slots=True)
class Standing:
    """One process in the ranking. None: not recorded, unless said otherwise."""

    rank: int | None  # None: it may not be killed, or is passed over
    pid: int
    key: bytes
    name: bytes
    program: bytes
    group: bytes | None
    points: int | None  # in pages, but before 3.5 in thousandths; None: it may not be killed
    oom_score_adj: int | None  # None: not recorded, taken as 0
    adj_later: bool  # it was read only after this instant
    rss_kb: int
    swap_kb: int | None
    page_tables_kb: int | None
    details_age_ms: int | None  # of adj, swap and page tables
    away_kb: int | None  # how much more it would have to hold to be next; 0 or less: so much less would spare it;
    # None: no size would make it the next, or the next holds too little for any to spare it
    turns_at_adj: int | None  # the oom_score_adj nearest to its own with which the answer is another
    oom_score: int | None  # as the kernel showed it, ``details_age_ms`` before
    passed_over: bool  # the kernel does not look at it (``passed_over``)


@dataclass(frozen=True, slots=True)
class Check:
    """The model against the oom_scores that the kernel showed, each at the moment when it was read."""

    compared: int
    agreeing: int
    first_agrees: bool | None  # none had a higher oom_score than the first of the ranking; None: it has none
    highest: bytes | None  # who had, if one had: its program
    highest_pid: int | None


@dataclass(frozen=True, slots=True)
class GroupOutlook:
    """A memory group with a limit: who is killed when it is full."""

    path: bytes
    limit_kb: int
    usage_kb: int | None
    swap_kb: int  # added to the limit as what the group may swap, which is not recorded
    members: int
    ranking: list[Standing]  # the first of them


@dataclass(frozen=True, slots=True)
class Outlook:
    """The ranking at an instant."""

    at: Moment
    kernel: bytes | None
    era: str  # the first version with this arithmetic
    ram_kb: int
    swap_kb: int | None  # None: not recorded, taken as none
    total_kb: int  # what points are measured against
    candidates: int
    ranking: list[Standing]
    groups: list[GroupOutlook]  # the fullest first
    check: Check
    kill_allocating_task: bool  # vm.oom_kill_allocating_task: whoever asks for memory is killed, not the first here
    panic_on_oom: int  # vm.panic_on_oom: 1, 2: a panic instead
    unmatched: list[Rule]  # of a change: rules that are for nobody
    adj_unknown: int  # processes without a recorded adj
    sizes_unknown: int  # without recorded swap or page tables: their points are too low by that
    oldest_details_ms: int | None
    stale: int  # whose RSS is from before a gap
    lost: int  # processes that may or may not have been there
    untracked: int  # processes that were not followed

    @property
    def first(self) -> Standing | None:
        """Who is killed next; None: nobody may be killed."""
        return self.ranking[0] if self.ranking and self.ranking[0].rank is not None else None


def outlook(
    boots: list[Boot],
    index: int,
    at_ms: int,
    change: Change | None = None,
    lives: Lives | None = None,
    brief: bool = False,
) -> Outlook | Unknown:
    """The ranking at the instant of a sample of ``boots[index]``, with other settings if there is a ``change``.

    ``brief``: only the first three processes, and all with a negative adj (what somebody holds vital).
    """
    change = change or Change()
    lives = lives or Lives(boots[index])
    ground = lives.ground(at_ms)
    if ground is None:
        return Unknown.NO_GROUND
    population = lives.at(at_ms)
    candidates = population.candidates
    if not candidates:
        return Unknown.NO_PROCESSES
    total = total_with(ground, change)
    size_kb = ground.page_size / 1024
    spared = passed_over(lives, candidates, ground)
    processes = [replace(as_process(one, change), passed_over=one.key in spared) for one in candidates]
    machine = boots[index].machine()
    ages = [at_ms - one.details_ms for one in candidates if one.details_ms is not None]
    ranked = rank(processes, ground.era, total)
    shown = [entry for number, entry in enumerate(ranked) if not brief or number < SHOWN or entry.process.usage.adj < 0]
    return Outlook(
        moment(boots, index, at_ms),
        machine.get("kernel"),
        ground.era.name,
        ground.ram_kb,
        ground.swap_kb,
        round(total * size_kb),
        len(candidates),
        [_standing(candidates[entry.place], entry, ranked, ground, total, at_ms) for entry in shown],
        _groups(lives, population, dict(zip(candidates, processes, strict=True)), ground, change),
        _check(lives, candidates, ground, spared, ranked),
        bool(whole(machine.get("vm.oom_kill_allocating_task"))),
        whole(machine.get("vm.panic_on_oom")) or 0,
        [rule for rule in change.rules if not any(rule.matches(process) for process in processes)],
        sum(one.adj is None for one in candidates),
        sum(one.swap is None or one.page_tables is None for one in candidates),
        max(ages, default=None),
        sum(one.stale for one in candidates),
        population.lost,
        population.untracked,
    )


def in_brief(recording: Recording, events: Sequence[OomEvent]) -> Outlook | None:
    """At the last sample before the first kill of ``events``, or at the last one: whom ``brief`` leaves, and the
    fullest three groups. None: nothing can be said.
    """
    instant = before_kill(recording, events) or last_sample(recording)
    if instant is None:
        return None
    found = outlook(recording.boots, instant.boot, instant.at_ms, brief=True)
    return replace(found, groups=found.groups[:SHOWN]) if not isinstance(found, Unknown) else None


def as_process(candidate: Candidate, change: Change) -> Process:
    """For the arithmetic, with the rules of a change."""
    return with_rules(Process(candidate.pid, candidate.name, candidate.usage), change.rules)


def total_with(ground: Ground, change: Change) -> int:
    """Pages that points are measured against."""
    return max(ground.total_pages + _pages(change.ram_kb + change.swap_kb, ground), 1)


def _pages(kb: int, ground: Ground) -> int:
    return whole_pages(kb, max(ground.page_size // 1024, 1))


def _standing(
    candidate: Candidate, entry: Ranked, ranked: Sequence[Ranked], ground: Ground, total: int, at_ms: int
) -> Standing:
    size = ground.page_size
    turn = needs_of(entry, ranked, ground.era, total)
    away = None
    if turn is not None and turn.pages is not None:
        away = -turn.pages if turn.chosen else turn.pages
    ruled = entry.process.usage.adj != candidate.usage.adj
    return Standing(
        entry.rank,
        candidate.pid,
        candidate.key,
        candidate.name,
        candidate.program,
        candidate.group,
        entry.points,
        entry.process.usage.adj if ruled else candidate.adj,
        candidate.adj_later and not ruled,
        candidate.rss * size // 1024,
        None if candidate.swap is None else candidate.swap * size // 1024,
        None if candidate.page_tables is None else candidate.page_tables * size // 1024,
        None if candidate.details_ms is None else at_ms - candidate.details_ms,
        None if away is None else away * size // 1024,
        turn.adj if turn is not None else None,
        candidate.oom_score,
        entry.process.passed_over,
    )


def passed_over(lives: Lives, candidates: Sequence[Candidate], ground: Ground) -> set[bytes]:
    """Keys of those whose oom_score was 0 although they held memory, and that have not changed since.

    The kernel does not look at a child between vfork and exec, whose memory is its parent's, nor at one that is dying.
    """
    found = set()
    sizes = Counter(one.rss for one in candidates)
    for one in candidates:
        then = lives.candidate(one.key, one.details_ms) if one.details_ms is not None and one.oom_score == 0 else None
        if then is None or oom_score(ground.era, then.usage, ground.total_pages) <= SCORE_NEAR:
            continue
        if then.rss == one.rss or sizes[one.rss] > 1:
            found.add(one.key)
    return found


def _check(
    lives: Lives, candidates: Sequence[Candidate], ground: Ground, spared: Collection[bytes], ranked: Sequence[Ranked]
) -> Check:
    compared = agreeing = 0
    scores: dict[bytes, tuple[int, Candidate]] = {}
    for one in candidates:
        then = lives.candidate(one.key, one.details_ms) if one.details_ms is not None else None
        if then is None or one.oom_score is None:
            continue
        compared += 1
        scores[one.key] = one.oom_score, one
        reckoned = 0 if one.key in spared else oom_score(ground.era, then.usage, ground.total_pages)
        agreeing += abs(reckoned - one.oom_score) <= SCORE_NEAR
    chosen = first(ranked)
    first_key = candidates[chosen.place].key if chosen is not None else b""
    if first_key not in scores:
        return Check(compared, agreeing, None, None, None)
    score, highest = max(scores.values(), key=lambda entry: entry[0])
    if score <= scores[first_key][0] + SCORE_NEAR:
        return Check(compared, agreeing, True, None, None)
    return Check(compared, agreeing, False, highest.program, highest.pid)


def _groups(
    lives: Lives, population: Population, processes: dict[Candidate, Process], ground: Ground, change: Change
) -> list[GroupOutlook]:
    """Groups with a limit and members, the fullest first. A group's members are those of the groups below it, too."""
    found = []
    for path in lives.boot.rows("cgroup"):
        row = Lookup(lives.boot, "cgroup", path, (b"usage", b"limit")).at(population.at_ms)
        _, (usage, limit) = row or (0, (None, None))
        inside = path.rstrip(b"/") + b"/"
        members = [one for one in population.candidates if ((one.group or b"") + b"/").startswith(inside)]
        if not limit or limit < 0 or not members:
            continue
        limit_kb = max(limit // 1024 + change.limit_kb, 1)
        swap_kb = max((ground.swap_kb or 0) + change.swap_kb, 0)
        total = max(_pages(limit_kb + swap_kb, ground), 1)
        ranked = rank([processes[one] for one in members], ground.era, total)
        ranking = [
            _standing(members[entry.place], entry, ranked, ground, total, population.at_ms) for entry in ranked[:SHOWN]
        ]
        usage_kb = None if usage is None else usage // 1024
        found.append(GroupOutlook(path, limit_kb, usage_kb, swap_kb, len(members), ranking))
    return sorted(found, key=lambda group: (group.usage_kb or 0) / group.limit_kb, reverse=True)
