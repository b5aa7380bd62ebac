"""Was a budget kept? One ``Check`` for each limit and each program that it is for.

What report says is what counts here: a program grows if the report would say that it leaks beyond doubt. A limit that
was passed is broken however short the recording. That one was kept, however, is believed only of a recording that is
long enough to show the opposite; if not, it is **unchecked**, which is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from lastgasp.analysis.budget.budget import Budget, ProcessBudget
from lastgasp.analysis.budget.slowing import no_leak_above
from lastgasp.analysis.budget.units import HOUR_S, Rate
from lastgasp.analysis.compare.levels import Levels
from lastgasp.analysis.compare.usage import Program, programs
from lastgasp.analysis.cost import RATE_AFTER_MS
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import Life
from lastgasp.analysis.memory import QUIET_LEAST, QUIET_SHARE, UNACCOUNTED
from lastgasp.analysis.shape.trend import QUIET_BYTES, Shape
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

KB = 1024
STEADY_PART = 10  # of the least length: who ran for less than such a part has no steady level

STOPPED = (Shape.FILLED, Shape.WARM_UP, Shape.STEP)  # growth that is over


class Rule(StrEnum):
    """What is limited."""

    RUNS = "runs"
    STEADY = "steady"
    PEAK = "peak"
    GROWTH = "growth"
    THREADS = "threads"
    FILES = "open files"
    FLOOR = "available floor"
    UNEXPLAINED = "unexplained growth"
    SLAB = "slab"
    KILLS = "OOM kills"
    REBOOTS = "reboots"
    STALL = "stall"
    FLASH = "flash per day"


class Outcome(StrEnum):
    """What became of a limit."""

    KEPT = "kept"
    BROKEN = "broken"
    UNCHECKED = "not checked"
    UNUSED = "does not apply"  # the program did not run and need not; or one that a pattern fits ran too briefly


class Why(StrEnum):
    """Why it could not be checked."""

    SHORT = "too short"  # needs_ms would do
    BRIEF = "ran too briefly"
    GREW = "grew until the end"  # or nearly, though ever more slowly; a run of needs_ms that stops growing would do
    UNRECORDED = "not recorded"
    DOUBTFUL = "may leak"  # by the measured rate, but that is only a suspicion
    LOG_LOST = "part of the kernel log was lost"


@dataclass(frozen=True, slots=True)
class Check:
    """One limit. ``measured`` and ``limit`` are bytes, bytes an hour, counts or shares, as the rule has it."""

    program: bytes | None  # raw; or the pattern that nobody fitted. None: the machine as a whole
    rule: Rule
    outcome: Outcome
    measured: float | None  # None: unknown
    limit: float
    why: Why | None = None
    needs_ms: int | None = None  # recorded, to be able to tell
    at: Moment | None = None  # of what was measured
    shape: Shape | None = None  # of growth
    victims: tuple[bytes, ...] = ()  # of OOM kills, as far as the kernel's messages are there; raw


@dataclass(frozen=True, slots=True)
class Result:
    """One recording against one budget."""

    facts: Facts
    seen_ms: int  # recorded, without holes
    checks: list[Check]
    programs: list[bytes] = field(default_factory=list)  # names of all that ran; raw

    def those(self, outcome: Outcome) -> list[Check]:
        """The checks with that outcome."""
        return [check for check in self.checks if check.outcome is outcome]


def judge(recording: Recording, facts: Facts, budget: Budget) -> Result:
    """Hold a recording against a budget. Never raises on what a recording holds."""
    holes = sum(gap.to_ms - gap.from_ms for boot in recording.boots for gap in boot.gaps)
    seen_ms = max(facts.span.recorded_ms - holes, 0)
    one = _Judge(recording, facts, budget, seen_ms)
    return Result(facts, seen_ms, [*one.system(), *one.processes()], [program.name for program in one.programs])


class _Judge:
    """One recording while it is judged."""

    def __init__(self, recording: Recording, facts: Facts, budget: Budget, seen_ms: int) -> None:
        self.recording, self.facts, self.budget, self.seen_ms = recording, facts, budget, seen_ms
        self.programs = programs(recording)
        self.growth = {growth.name: growth for growth in facts.growth}

    # -- the machine -----------------------------------------------------------------------------------

    def system(self) -> Iterator[Check]:
        """The limits of the machine as a whole."""
        limits = self.budget.system
        if limits.available_floor is not None:
            yield self._floor(limits.available_floor)
        if limits.unexplained_growth is not None:
            yield self._unexplained(limits.unexplained_growth)
        if limits.slab is not None:
            found = self._extreme("SUnreclaim", lowest=False)
            yield self._most(None, Rule.SLAB, found and found[0], limits.slab, found[1] if found else None)
        if limits.oom_kills is not None:
            yield self._kills(limits.oom_kills)
        if limits.reboots is not None:
            yield self._most(None, Rule.REBOOTS, len(self.recording.boots) - 1, limits.reboots)
        if limits.stall is not None:
            stall = self.facts.stall
            part = None if stall is None else stall.total_ms / max(self.facts.span.recorded_ms, 1)
            yield self._most(None, Rule.STALL, part, limits.stall)
        if limits.flash_per_day is not None:
            per_day = self.facts.cost.bytes_per_day
            check = self._most(None, Rule.FLASH, per_day, limits.flash_per_day)
            early = replace(check, why=Why.SHORT, needs_ms=max(RATE_AFTER_MS, self.budget.at_least_ms))
            yield check if per_day is not None else early

    def _floor(self, limit: int) -> Check:
        found = self._extreme("MemAvailable", lowest=True)
        if found is None:
            return Check(None, Rule.FLOOR, Outcome.UNCHECKED, None, limit, Why.UNRECORDED)
        low, at = found
        if low >= limit and self.seen_ms < self.budget.at_least_ms:
            return self._short(None, Rule.FLOOR, limit, low, at)
        return Check(None, Rule.FLOOR, Outcome.KEPT if low >= limit else Outcome.BROKEN, low, limit, at=at)

    def _extreme(self, column: str, lowest: bool) -> tuple[int, Moment] | None:
        """The lowest or highest value of a line of meminfo in bytes, and when that was."""
        found: tuple[int, int, int] | None = None
        for index, boot in enumerate(self.recording.boots):
            for at, value in zip(*boot.points("meminfo", b"", column), strict=True):
                if found is None or (value < found[0] if lowest else value > found[0]):
                    found = value, index, at
        return None if found is None else (found[0] * KB, moment(self.recording.boots, found[1], found[2]))

    def _unexplained(self, limit: Rate) -> Check:
        most = limit.bytes_per_h or 0.0
        found = [growth for growth in self.facts.kernel_growth if growth.name == UNACCOUNTED]
        if found:
            per_h = found[0].verdict.per_s * HOUR_S
            outcome = Outcome.BROKEN if per_h > most else Outcome.KEPT
            return Check(None, Rule.UNEXPLAINED, outcome, per_h, most, at=found[0].since, shape=Shape.LEAK)
        if not any(_accounts(boot) for boot in self.recording.boots):
            return Check(None, Rule.UNEXPLAINED, Outcome.UNCHECKED, None, most, Why.UNRECORDED)
        quiet = max(QUIET_LEAST, (self.facts.machine.total_bytes or 0) // QUIET_SHARE)
        longest = max(boot.last_ms - boot.first_ms for boot in self.recording.boots)
        return self._no_growth(None, Rule.UNEXPLAINED, most, quiet, longest)

    def _kills(self, limit: int) -> Check:
        """By the kernel's counter and by its log, whichever knows more."""
        facts = self.facts
        told = [event for event in facts.ooms if not event.before_recording and event.victim is not None]
        kills = max(len(told), facts.kills_counted or 0)
        at = told[0].at if told else None
        if kills <= limit and facts.kills_counted is None and facts.losses.log_missed:
            return Check(None, Rule.KILLS, Outcome.UNCHECKED, kills, limit, Why.LOG_LOST)
        check = self._most(None, Rule.KILLS, kills, limit, at)
        return replace(check, victims=tuple(event.victim for event in told if event.victim is not None))

    # -- processes -------------------------------------------------------------------------------------

    def processes(self) -> Iterator[Check]:
        """The limits of programs: of those that several tables fit, the first that has the key counts."""
        known = self.programs
        done: set[tuple[bytes, Rule]] = set()
        for limits in self.budget.processes:
            fitting = sorted((one for one in known if limits.fits(one.name)), key=lambda one: one.name)
            pattern = limits.pattern.encode(errors="surrogateescape")
            if not fitting:
                outcome = Outcome.BROKEN if limits.required else Outcome.UNUSED
                yield Check(pattern, Rule.RUNS, outcome, 0, 1)
            elif limits.required:
                yield Check(pattern, Rule.RUNS, Outcome.KEPT, len(fitting), 1)
            for one in fitting:
                for check in self._program(one, limits):
                    if (one.name, check.rule) not in done:
                        done.add((one.name, check.rule))
                        yield check

    def _program(self, one: Program, limits: ProcessBudget) -> Iterator[Check]:
        if limits.steady is not None:
            yield self._steady(one, limits.steady, limits.exact)
        if limits.peak is not None:
            peak = max(use.memory.peak.value for use in one.uses)
            yield self._most(one.name, Rule.PEAK, peak, limits.peak)
        if limits.growth is not None:
            yield self._growth(one, limits.growth, limits.exact)
        if limits.threads is not None:
            yield self._most(one.name, Rule.THREADS, _highest([use.threads for use in one.uses]), limits.threads)
        if limits.open_files is not None:
            yield self._most(one.name, Rule.FILES, _highest([use.files for use in one.uses]), limits.open_files)

    def _steady(self, one: Program, limit: int, exact: bool) -> Check:
        level = self._level(one)
        if self.seen_ms < self.budget.at_least_ms:
            return self._short(one.name, Rule.STEADY, limit, level)
        if level is None:
            return self._brief(one, Rule.STEADY, limit, exact, self.budget.at_least_ms // STEADY_PART)
        return Check(one.name, Rule.STEADY, Outcome.KEPT if level <= limit else Outcome.BROKEN, level, limit)

    def _level(self, one: Program) -> float | None:
        """The highest steady level of all boots in which it ran for long enough."""
        least_ms = self.budget.at_least_ms // STEADY_PART
        long = [use.memory.steady for use in one.uses if use.memory.seen_ms >= least_ms]
        return max((level.value for level in long if level is not None), default=None)

    def _growth(self, one: Program, limit: Rate, exact: bool) -> Check:
        longest = max(one.uses, key=lambda use: use.longest_ms)
        most = limit.bytes_per_h
        if most is None:
            level = longest.memory.steady
            if level is None:
                return self._brief(one, Rule.GROWTH, 0.0, exact)
            most = (limit.share_per_h or 0.0) * level.value
        growth = self.growth.get(one.name)
        verdict = growth.worst.verdict if growth else None
        if growth is not None and verdict is not None and verdict.shape is Shape.LEAK:
            per_h = verdict.per_s * HOUR_S
            at = growth.worst.since
            if per_h <= most:
                return Check(one.name, Rule.GROWTH, Outcome.KEPT, per_h, most, at=at, shape=Shape.LEAK)
            if growth.worst.leaks:
                return Check(one.name, Rule.GROWTH, Outcome.BROKEN, per_h, most, at=at, shape=Shape.LEAK)
            return Check(one.name, Rule.GROWTH, Outcome.UNCHECKED, per_h, most, Why.DOUBTFUL, at=at, shape=Shape.LEAK)
        if not exact and longest.longest_ms < self.budget.at_least_ms <= self.seen_ms:
            return self._brief(one, Rule.GROWTH, most, exact)
        if growth is not None and verdict is not None and verdict.shape in STOPPED:
            return self._stopped(one.name, growth.worst, most)
        unseen = max(QUIET_BYTES, 2 * (longest.memory.floor_scatter or 0.0))
        shape = verdict.shape if verdict is not None else Shape.STEADY
        return self._no_growth(one.name, Rule.GROWTH, most, unseen, longest.longest_ms, shape)

    def _stopped(self, program: bytes, life: Life, limit: float) -> Check:
        """It grew and leaked nothing until then; since then it stood still for long enough to tell, or grew slowly."""
        stood_ms = life.last.uptime_ms - life.verdict.until_ms
        check = self._no_growth(program, Rule.GROWTH, limit, QUIET_BYTES, stood_ms, life.verdict.shape)
        if check.outcome is Outcome.KEPT or check.needs_ms is None or self.seen_ms < self.budget.at_least_ms:
            return check
        if no_leak_above(life, limit):
            return Check(program, Rule.GROWTH, Outcome.KEPT, 0.0, limit, shape=life.verdict.shape)
        ran_ms = life.last.uptime_ms - life.first.uptime_ms
        why = Why.GREW if 2 * stood_ms < ran_ms else Why.SHORT
        return replace(check, why=why, needs_ms=ran_ms + check.needs_ms - stood_ms)

    # -- outcomes --------------------------------------------------------------------------------------

    def _most(
        self, program: bytes | None, rule: Rule, measured: float | None, limit: float, at: Moment | None = None
    ) -> Check:
        """At most ``limit``, at any time."""
        if measured is None:
            return Check(program, rule, Outcome.UNCHECKED, None, limit, Why.UNRECORDED)
        if measured > limit:
            return Check(program, rule, Outcome.BROKEN, measured, limit, at=at)
        if self.seen_ms < self.budget.at_least_ms:
            return self._short(program, rule, limit, measured, at)
        return Check(program, rule, Outcome.KEPT, measured, limit, at=at)

    def _brief(self, one: Program, rule: Rule, limit: float, exact: bool, needs_ms: int | None = None) -> Check:
        """It ran for too short a time. Programs that a pattern happens to fit often do; one that is named ought not."""
        outcome = Outcome.UNCHECKED if exact else Outcome.UNUSED
        return Check(one.name, rule, outcome, None, limit, Why.BRIEF, needs_ms)

    def _short(
        self, program: bytes | None, rule: Rule, limit: float, measured: float | None = None, at: Moment | None = None
    ) -> Check:
        return Check(program, rule, Outcome.UNCHECKED, measured, limit, Why.SHORT, self.budget.at_least_ms, at)

    def _no_growth(
        self,
        program: bytes | None,
        rule: Rule,
        limit: float,
        unseen: float,
        longest_ms: int,
        shape: Shape = Shape.STEADY,
    ) -> Check:
        """No leak was found; would one of just over ``limit`` have been? ``unseen``: bytes that none is seen below."""
        if self.seen_ms < self.budget.at_least_ms:
            return self._short(program, rule, limit)
        if limit and limit * longest_ms < unseen * HOUR_S * 1000:  # 0: no leak that can be found at all
            needs_ms = round(unseen * HOUR_S * 1000 / limit)
            return Check(program, rule, Outcome.UNCHECKED, None, limit, Why.SHORT, needs_ms, shape=shape)
        return Check(program, rule, Outcome.KEPT, 0.0, limit, shape=shape)


def _highest(found: list[Levels | None]) -> float | None:
    return max((levels.peak.value for levels in found if levels is not None), default=None)


def _accounts(boot: Boot) -> bool:
    """Can be told what of memory nobody accounts for?"""
    return all(boot.latest(*of) is not None for of in (("meminfo.slow", b"", "MemTotal"), ("meminfo", b"", "MemFree")))
