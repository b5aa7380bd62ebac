"""How close a named process came to being killed next over a whole recording, and how often it was the next.

Every sample is looked at, by the same arithmetic and with the same values as ``next_victim`` uses at one instant;
but whom an oom_score of 0 shows to be passed over is not looked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lastgasp.analysis.identity import names_of, program
from lastgasp.analysis.times import Moment, moment
from lastgasp.analysis.victim.live import Ground, Lives, order
from lastgasp.analysis.victim.next_victim import total_with
from lastgasp.oom.badness import Usage
from lastgasp.oom.ranking import Process, away_pages, rank
from lastgasp.oom.what_if import Change, Rule, with_rules
from lastgasp.timeline.model import Boot, Recording


@dataclass(frozen=True, slots=True)
class Closest:
    """The moment when it would have taken least to have a process chosen."""

    at: Moment
    pid: int
    key: bytes
    away_kb: int  # it would have had to hold so much more; 0 or less: it was the next, and so much less spares it


@dataclass(frozen=True, slots=True)
class Course:
    """All processes that one pattern is for, over a recording. Durations are between samples; gaps don't count."""

    pattern: Rule
    lives: int  # processes
    alive_ms: int  # while at least one of them lived
    first_ms: int  # while one of them was the next
    closest: Closest | None  # None: none of them ever was killable, or recorded
    first_from: Moment | None  # when one of them was the next for the first time

    @property
    def share(self) -> float | None:
        """For which part of its life it was the next; None: it lived in no more than one sample."""
        return self.first_ms / self.alive_ms if self.alive_ms else None


class _Watched:
    """What is found out for one pattern, little by little."""

    def __init__(self, pattern: Rule) -> None:
        self.pattern = pattern
        self.keys: set[tuple[int, bytes]] = set()
        self.alive_ms = self.first_ms = 0
        self.closest: Closest | None = None
        self.first_from: Moment | None = None

    def course(self) -> Course:
        return Course(self.pattern, len(self.keys), self.alive_ms, self.first_ms, self.closest, self.first_from)


def courses(recording: Recording, patterns: list[Rule], change: Change | None = None) -> list[Course]:
    """One for each pattern (its adj does not matter), with other settings if there is a ``change``."""
    watched = [_Watched(pattern) for pattern in patterns]
    for index in range(len(recording.boots)):
        _Replay(recording.boots, index, watched, change or Change()).run()
    return [one.course() for one in watched]


class _Replay:
    """One boot, sample by sample. Only those are reckoned that changed and that may be among the first two."""

    def __init__(self, boots: list[Boot], index: int, watched: list[_Watched], change: Change) -> None:
        self.boots, self.index, self.boot = boots, index, boots[index]
        self.lives = Lives(self.boot)
        self.watched, self.change = watched, change
        self.ground: Ground | None = None
        self.total = 1
        self.processes: dict[bytes, Process] = {}
        self.points: dict[bytes, tuple[int, tuple[int, int]]] = {}  # and what decides between equals
        self.changed: set[bytes] = set()  # and not looked at since
        self.ever: dict[bytes, Process] = {}  # with the most that each ever held
        self.most: dict[bytes, int] = {}  # at least as many points as it ever had
        self.by_most: list[tuple[int, bytes]] = []  # of those who may be there: less than none of those, and who
        self.named: dict[bytes, list[_Watched]] = {}
        self._known: dict[bytes, tuple[object, int | None]] = {}
        for key in self.lives.everybody():
            process = self.ever[key] = self._process(key, self.lives.most(key))
            names = names_of(process.name, program(self.boot.processes[key]))
            matching = [one for one in watched if any(one.pattern.fits(process.pid, name) for name in names)]
            if matching:
                self.named[key] = matching

    def run(self) -> None:
        """Every sample, in order."""
        if not self.named:
            return
        samples = self.boot.sample_at
        changes, again = self._changes()
        slow = {self._number(at) for series in self.boot.rows("meminfo.slow").get(b"", ()) for at in series.at}
        for number, at_ms in enumerate(samples):
            self._change(changes.pop(number, set()))
            ground = self.lives.ground(at_ms) if number in slow or not number else self.ground
            if ground != self.ground:
                self._take(ground)
            elif number in again:
                self._change(self.lives.everybody())
            if ground is not None:
                until = samples[number + 1] if number + 1 < len(samples) else at_ms
                self._judge(at_ms, 0 if self._broken(at_ms, until) else until - at_ms)

    def _changes(self) -> tuple[dict[int, set[bytes]], set[int]]:
        """By number of the sample: whose values changed; and the samples at which everybody is to be looked at."""
        boot, lives = self.boot, self.lives
        changes: defaultdict[int, set[bytes]] = defaultdict(set)
        again = {self._number(at) for at in lives.starts} | {self._number(gap.to_ms) for gap in boot.gaps}
        for key in lives.everybody():
            process = boot.processes[key]
            tables = (boot.rows(table).get(key, ()) for table in ("process", "process.details"))
            times = {at for rows in tables for series in rows for at in series.at}
            times.update(at for at in (process.gone_ms, process.untracked_ms) if at is not None)
            numbers = {self._number(at) for at in times}
            for number in numbers:
                changes[number].add(key)
            if numbers:  # it takes the place of whoever had its pid before
                changes[min(numbers)].update(lives.of_pid(process.pid))
        for event in boot.events:
            key = event.values.get("key", b"")
            if event.kind == "tune" and key in boot.processes:
                changes[self._number(event.at_ms)].add(key)
        return changes, again

    def _number(self, at_ms: int) -> int:
        """Of the sample in which what happened at a moment shows."""
        return bisect_left(self.boot.sample_at, at_ms)

    def _broken(self, from_ms: int, to_ms: int) -> bool:
        """Whether it is unknown what was between two samples."""
        return self.boot.gap_between(from_ms, to_ms) or any(from_ms < at <= to_ms for at in self.lives.starts)

    def _take(self, ground: Ground | None) -> None:
        """Reckon with this from now on."""
        self.ground = ground
        self.most, self.by_most = {}, []
        if ground is not None:
            self.total = total_with(ground, self.change)
            for key in self.lives.everybody():
                points = ground.era.points(self.ever[key].usage, self.total)
                if points is not None:
                    self.most[key] = points
        self._change(self.lives.everybody())

    def _change(self, keys: Iterable[bytes]) -> None:
        """These are to be looked at anew when it matters."""
        for key in keys:
            self.changed.add(key)
            if key in self.most:
                entry = -self.most[key], key
                place = bisect_left(self.by_most, entry)
                if self.by_most[place : place + 1] != [entry]:
                    self.by_most.insert(place, entry)

    def _process(self, key: bytes, usage: Usage) -> Process:
        process = self.boot.processes[key]
        return with_rules(Process(process.pid, process.name, usage), self.change.rules)

    def _look(self, key: bytes, at_ms: int) -> tuple[int, tuple[int, int]] | None:
        """A process's points as it is now; None: it may not be killed, or isn't there."""
        if key not in self.changed:
            return self.points.get(key)
        self.changed.discard(key)
        self.points.pop(key, None)
        self.processes.pop(key, None)
        usage = self.lives.usage(key, at_ms)
        if usage is None or self.ground is None:
            return None
        process = self.processes[key] = self._process(key, usage)
        points = self.ground.era.points(process.usage, self.total)
        if points is not None:
            start, pid = order(key)
            self.points[key] = points, (start, pid) if self.ground.era.last_of_equals else (-start, -pid)
        return self.points.get(key)

    def _strongest(self, at_ms: int) -> list[bytes]:
        """The first two."""
        found: list[tuple[tuple[int, tuple[int, int]], bytes]] = []
        absent = []
        for entry in self.by_most:
            most, key = entry
            if len(found) == 2 and -most < found[1][0][0]:
                break
            points = self._look(key, at_ms)
            if points is None:
                absent.append(entry)
            elif len(found) < 2 or points > found[1][0]:
                found = sorted([*found, (points, key)], reverse=True)[:2]
        for entry in absent:
            self.by_most.remove(entry)
        return [key for _, key in found]

    def _judge(self, at_ms: int, lasts_ms: int) -> None:
        """What this sample says of those who are watched."""
        strongest: list[bytes] | None = None
        alive: set[int] = set()
        firsts: set[int] = set()
        for key, matching in self.named.items():
            self._look(key, at_ms)
            if key not in self.processes:
                continue
            strongest = self._strongest(at_ms) if strongest is None else strongest
            away_kb = self._away(key, strongest)
            for one in matching:
                one.keys.add((self.index, key))
                alive.add(id(one))
                if key in strongest[:1]:
                    firsts.add(id(one))
                if away_kb is not None and (one.closest is None or away_kb < one.closest.away_kb):
                    pid = self.processes[key].pid
                    one.closest = Closest(moment(self.boots, self.index, at_ms), pid, key, away_kb)
        for one in self.watched:
            one.alive_ms += lasts_ms * (id(one) in alive)
            one.first_ms += lasts_ms * (id(one) in firsts)
            if id(one) in firsts and one.first_from is None:
                one.first_from = moment(self.boots, self.index, at_ms)

    def _away(self, key: bytes, strongest: list[bytes]) -> int | None:
        """As ``Standing.away_kb``: only the strongest of the others matters."""
        ground = self.ground
        if key not in self.points or ground is None:
            return None
        rival = next((other for other in strongest if other != key), key)
        state = self.processes[key], self.processes[rival], self.total
        known = self._known.get(key)
        if known is not None and known[0] == state:
            return known[1]
        pair = [self.processes[one] for one in sorted({key, rival}, key=order)]
        pages = away_pages(rank(pair, ground.era, self.total), self.processes[key].pid, ground.era, self.total)
        away_kb = None if pages is None else pages * ground.page_size // 1024
        self._known[key] = state, away_kb
        return away_kb
