"""What ``lastgasp check`` says: which limits are broken, which could not be checked, and what to do.

A verdict is one of three: green (all that could be asked was kept), red (a limit is broken), and neither: something
could not be checked. The sentences are the same in the terminal, in JSON and in JUnit files.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lastgasp.analysis.budget.judge import Check, Outcome, Result, Rule, Why
from lastgasp.report import units
from lastgasp.report.named import near
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible

Text = Callable[[bytes], str]
RATES = (Rule.GROWTH, Rule.UNEXPLAINED)
COUNTS = (Rule.RUNS, Rule.THREADS, Rule.FILES, Rule.KILLS, Rule.REBOOTS)
MARKS = {Outcome.KEPT: "ok", Outcome.BROKEN: "FAIL", Outcome.UNCHECKED: "?", Outcome.UNUSED: "-"}
ROLES = {Outcome.KEPT: "", Outcome.BROKEN: "bad", Outcome.UNCHECKED: "bad", Outcome.UNUSED: "dim"}
KEPT_SHOWN = 24  # lines a recording; those that are broken or could not be checked are all shown
NAMED = 3  # in the answer
NAMES = 20
LEAKS_ADVISED = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """All recordings of one call. ``unreadable``: (path, the line that tells why); ``without``: files passed over."""

    results: list[Result]
    unreadable: list[tuple[str, str]]
    without: list[str] = field(default_factory=list)
    allow_unchecked: bool = False  # what could not be checked is no failure

    def those(self, outcome: Outcome) -> list[tuple[Result, Check]]:
        """All checks with that outcome."""
        return [(result, check) for result in self.results for check in result.those(outcome)]

    @property
    def asked(self) -> int:
        """How many limits applied."""
        return sum(check.outcome is not Outcome.UNUSED for result in self.results for check in result.checks)


def subject(check: Check, text: Text) -> str:
    """Whom it is about."""
    return "system" if check.program is None else text(check.program)


def amount(check: Check, value: float | None) -> str:
    """A measured value or a limit in the unit of its rule."""
    if value is None:
        return units.UNKNOWN
    if check.rule in COUNTS:
        return f"{value:,.0f}"
    if check.rule is Rule.STALL:
        return units.percent(value)
    return units.size(value) + ("/h" if check.rule in RATES else "")


def amounts(check: Check) -> tuple[str, str]:
    """Measured and limit; in full where they would look alike though one is above the other."""
    measured, limit = amount(check, check.measured), amount(check, check.limit)
    if measured == limit and check.measured != check.limit and check.measured is not None:
        if check.rule is Rule.STALL:
            return f"{check.measured * 100:.4f} %", f"{check.limit * 100:.4f} %"
        suffix = " B/h" if check.rule in RATES else " B"
        return f"{check.measured:,.0f}{suffix}", f"{check.limit:,.0f}{suffix}"
    return measured, limit


def sentence(check: Check, text: Text) -> str:
    """What was found, in words, without a full stop."""
    who = subject(check, text)
    measured, limit = amounts(check)
    most = f"(at most {limit})"
    if check.rule is Rule.RUNS:
        ran = check.outcome is Outcome.KEPT
        return f"{who} {'ran' if ran else 'did not run'}"
    if check.measured is None or (check.rule in RATES and check.shape is None):
        return f"{who}: {check.rule} {most.replace('most', 'least') if check.rule is Rule.FLOOR else most}"
    number = round(check.measured)
    said = {
        Rule.STEADY: f"{who} settles at {measured} {most}",
        Rule.PEAK: f"{who} took {measured} at its peak {most}",
        Rule.THREADS: f"{who} had {units.count(number, 'thread')} {most}",
        Rule.FILES: f"{who} had {units.count(number, 'open file')} {most}",
        Rule.FLOOR: f"available memory fell to {measured} (at least {limit})",
        Rule.SLAB: f"unreclaimable slab took {measured} {most}",
        Rule.KILLS: f"{units.count(number, 'OOM kill')}{_victims(check, text)} {most}",
        Rule.REBOOTS: f"{units.count(number, 'reboot')} {most}",
        Rule.STALL: f"tasks waited for memory {measured} of the time {most}",
        Rule.FLASH: f"the agent writes {measured} a day to flash {most}",
        Rule.UNEXPLAINED: f"memory that nobody accounts for grows by {measured} {most}",
        Rule.GROWTH: f"{who} {'may leak' if check.why is Why.DOUBTFUL else 'leaks'} {measured} {most}",
    }
    if check.rule in RATES and not check.measured:
        grower = "memory that nobody accounts for" if check.rule is Rule.UNEXPLAINED else who
        return f"{grower} does not leak {most}"
    return said[check.rule]


def why(check: Check, result: Result) -> str:
    """Why it could not be checked."""
    needs = units.duration(check.needs_ms) if check.needs_ms else None
    if check.why is Why.SHORT and check.rule in RATES and result.seen_ms >= (check.needs_ms or 0):
        return f"it ran too briefly to see so slow a leak; that needs {needs} of one run"
    said = {
        Why.SHORT: f"{units.duration(result.seen_ms)} recorded, {needs} needed",
        Why.BRIEF: "it ran too briefly" + (f"; {needs} needed" if needs else ""),
        Why.GREW: f"it grew until the end or nearly, if ever more slowly; that needs {needs} of one run, or more",
        Why.UNRECORDED: "not recorded: this kernel or agent does not tell",
        Why.DOUBTFUL: "that is a suspicion only; a longer recording decides",
        Why.LOG_LOST: "part of the kernel log was lost, and the kernel has no counter of kills",
        None: "",
    }
    return said[check.why]


def _victims(check: Check, text: Text) -> str:
    """: sensord (2 times), httpd"""
    counted = Counter(text(name) for name in check.victims)
    each = [f"{name} ({times} times)" if times > 1 else name for name, times in counted.most_common(NAMED)]
    more = " …" if len(counted) > NAMED else ""
    return f": {', '.join(each)}{more}" if each else ""


# -- the page ----------------------------------------------------------------------------------------------


def answer(checked: Checked, text: Text) -> list[str]:
    """The sentences at the head."""
    broken, unchecked = checked.those(Outcome.BROKEN), checked.those(Outcome.UNCHECKED)
    found = []
    several = len(checked.results) > 1
    if broken:
        where = {id(result) for result, _ in broken}
        within = f" in {len(where)} of {len(checked.results)} recordings" if several else ""
        verb = "is" if len(broken) == 1 else "are"
        told = [sentence(check, text) for _, check in broken[:NAMED]]
        more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        limits = units.count(checked.asked, "limit")
        found.append(f"{len(broken)} of {limits} {verb} broken{within}: {'; '.join(told)}{more}.")
    if unchecked:
        found.append(_unchecked(checked, len(unchecked), bool(broken)))
    if checked.unreadable:
        files = units.count(len(checked.unreadable), "file")
        first = visible(checked.unreadable[0][1])
        found.append(f"{files} could not be read: {first}{'' if first.endswith('?') else '.'}")
    if not broken and not unchecked:
        within = f" in all {len(checked.results)} recordings" if several else ""
        within = " in what could be read" if checked.unreadable else within
        kept = units.count(checked.asked, "limit")
        none = "No limit applied: nothing of what the budget is for was recorded."
        found.append(f"{'All ' if checked.asked > 1 else ''}{kept} kept{within}." if checked.asked else none)
    return found


def _unchecked(checked: Checked, number: int, broken: bool) -> str:
    """How much could not be checked."""
    if broken:
        return f"{number} could not be checked."
    kept = checked.asked - number
    if not kept:
        said = "The only limit could not be checked" if number == 1 else f"None of {number} limits could be checked"
    else:
        verb = "was" if kept == 1 else "were"
        said = f"{number} of {checked.asked} limits could not be checked; the other {kept} {verb} kept"
    if checked.allow_unchecked:
        return f"{said}. That is allowed here."
    return f"Neither green nor red: {said[0].lower()}{said[1:]}."


def draw(screen: Screen, checked: Checked, good: bool) -> None:
    """The whole page; ``good``: whether the exit status is that of a green build."""
    for number, said in enumerate(answer(checked, screen.text)):
        screen.wrap(said, "", "", ("good" if good else "bad") if not number else "")
    for result in checked.results:
        _recording(screen, result)
    for _, line in checked.unreadable:
        screen.line()
        screen.wrap(visible(line), "", "  ", "bad")
    if checked.without:
        names = ", ".join(visible(path) for path in checked.without[:NAMED])
        more = " …" if len(checked.without) > NAMED else ""
        screen.line()
        files = units.count(len(checked.without), "file")
        screen.wrap(f"Without a recording: {files} ({names}{more})", "", "  ", "dim")
    advice = next_steps(checked, screen.text)
    if advice:
        screen.heading("NEXT")
        for line in advice:
            screen.wrap(line, "  ", "    ")


def _recording(screen: Screen, result: Result) -> None:
    facts = result.facts
    parts = [units.duration(result.seen_ms) + " recorded", units.count(len(facts.boots), "boot")]
    if facts.machine.system:
        parts.append(screen.text(facts.machine.system))
    screen.line()
    screen.wrap(f"{screen.text(facts.file)}: {', '.join(parts)}", "", "  ", "head")
    kept = 0
    said = ""
    order = (Outcome.BROKEN, Outcome.UNCHECKED, Outcome.KEPT, Outcome.UNUSED)
    for check in sorted(result.checks, key=lambda check: (order.index(check.outcome), check.why or "")):
        if check.outcome in (Outcome.KEPT, Outcome.UNUSED):
            kept += 1
            if kept > KEPT_SHOWN:
                continue
        reason = f"not checked: {why(check, result)}" if check.outcome is Outcome.UNCHECKED else ""
        if reason and reason != said:
            screen.wrap(reason, "  ", "    ")
        said = reason
        _line(screen, check, result)
    if kept > KEPT_SHOWN:
        screen.line(f"  …     {kept - KEPT_SHOWN:,} more kept, or not for this recording; --json tells of them", "dim")


def _line(screen: Screen, check: Check, result: Result) -> None:
    measured, limit = amounts(check)
    bound = "at least" if check.rule is Rule.FLOOR else "at most"
    if check.rule is Rule.RUNS:
        measured, bound, limit = ("yes" if check.measured else "no"), "", ""
    elif check.rule in RATES and check.outcome is Outcome.KEPT and not check.measured:
        measured = "no leak"
    elif check.measured is None:
        measured = "–"
    who = screen.fit(subject(check, screen.text), NAMES)
    line = f"  {MARKS[check.outcome]:4}  {who} {check.rule:18} {measured:>11}  {bound} {limit}"
    screen.line(line, ROLES[check.outcome])
    note = ""
    if check.outcome is Outcome.UNUSED:
        note = "did not run, and need not" if check.rule is Rule.RUNS else "ran too briefly"
    elif check.outcome is Outcome.BROKEN and check.at is not None:
        when = "since" if check.rule in RATES else "at"
        note = f"{when} {units.near(check.at, result.facts.span)}"
    if note:
        screen.wrap(note, " " * (NAMES + 9), " " * (NAMES + 11), "dim")


def next_steps(checked: Checked, text: Text) -> list[str]:
    """What to do."""
    found: list[str] = []
    leaking = 0
    for result, check in checked.those(Outcome.BROKEN):
        file = shlex.quote(text(result.facts.file.encode(errors="surrogateescape")))
        if check.rule is Rule.GROWTH and check.program is not None:
            leaking += 1
            if leaking > LEAKS_ADVISED:
                continue
            found.append(f"lastgasp leaks {file} --process {shlex.quote(text(check.program))}")
        elif check.rule is Rule.KILLS and check.victims:
            found.append(f"lastgasp oom {file}")
        elif check.rule is Rule.FLASH:
            found.append("A longer interval in lastgasp.conf writes less; flash_budget limits what is written early.")
        elif check.rule is Rule.RUNS:
            found.append(_absent(check, result, text))
        else:
            found.append(f"lastgasp report {file}")
    unchecked = [check for _, check in checked.those(Outcome.UNCHECKED)]
    longest = max((check.needs_ms or 0 for check in unchecked), default=0)
    if longest:
        found.append(f"Record for {units.duration(longest)} or more, so that all limits can be checked.")
    if any(check.why is Why.UNRECORDED for check in unchecked):
        found.append("Leave limits out that this device cannot tell of.")
    if unchecked and not checked.allow_unchecked:
        found.append("--allow-unchecked accepts what could not be checked.")
    return _distinct(found)[:8]


def _absent(check: Check, result: Result, text: Text) -> str:
    """What to do where a program did not run: it may be called otherwise."""
    alike = near(text(check.program or b""), [text(name) for name in result.programs])
    if alike:
        return f'{subject(check, text)}: did you mean "{alike[0]}"? If not: required = false allows it.'
    return "Was it renamed, or did it end before the recording began? required = false allows it."


def _distinct(lines: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(lines))
