"""An OOM report explained on a screen: the answer, where the memory was, the ranking, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lastgasp.analysis.oom.before import Before
from lastgasp.analysis.oom.cause import Case, OomCause, cause
from lastgasp.analysis.oom.culprit import Culprit, culprit
from lastgasp.analysis.oom.series import TableGrowth, series
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.oom import before as oom_before
from lastgasp.report.oom import ranking as oom_ranking
from lastgasp.report.oom import where as oom_where
from lastgasp.report.oom.answer import answer, refused
from lastgasp.report.oom.next import steps
from lastgasp.report.oom.words import Text
from lastgasp.report.screen import Screen

UNKNOWN_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Explained:
    """One report with all that was found out about it."""

    report: Report
    choice: Choice
    cause: OomCause
    source: str  # the log that it stood in
    recorded: tuple[str, ...] = ()  # what the recording around it says, in sentences
    before: Before | None = None  # what was recorded before it; None: a log without a recording
    grown: TableGrowth | None = None  # who held most in it, by the tables of other reports of the log

    @property
    def culprit(self) -> Culprit | None:
        """Who filled the memory, in one name; None: nobody can be named."""
        return culprit(self.cause, self.choice, self.before)


def explain(report: Report, choice: Choice, source: str) -> Explained:
    """Find out, from the report alone."""
    return Explained(report, choice, cause(report, choice), source)


def sentences(found: Explained, text: Text) -> list[str]:
    """The answer; the first sentence holds the whole story."""
    return answer(found.report, found.choice, found.cause, text, found.before, found.grown)


def next_steps(found: Explained, text: Text) -> list[str]:
    """What to do, a paragraph each."""
    return steps(found.report, found.choice, found.cause, text, found.before)


def draw(screen: Screen, found: Explained, said: Sequence[str] | None = None) -> None:
    """One report; ``said`` stands in place of what to do next where that is told already."""
    for number, sentence in enumerate(sentences(found, screen.text)):
        screen.wrap(sentence, "", "", "bad" if not number else "")
    screen.line()
    _place(screen, found)
    if found.before is not None:
        oom_before.draw(screen, found.before, found.report.panic is not None)
    if found.cause.case not in (Case.REFUSED, Case.USER_SPACE):
        oom_where.memory(screen, found.report, found.cause)
        oom_where.zones(screen, found.cause)
        oom_ranking.ranking(screen, found.report, found.choice)
        oom_ranking.why(screen, found.choice)
    _understood(screen, found.report)
    _next(screen, next_steps(found, screen.text) if said is None else said)


def refusals(screen: Screen, events: Sequence[Explained]) -> None:
    """Several allocations that overcommit refused: a line of the log each, told together."""
    for number, sentence in enumerate(refused(series(events), screen.text)):
        screen.wrap(sentence, "", "", "bad" if not number else "")
    screen.line()
    first, last = events[0].report, events[-1].report
    times, until = when(first, screen), when(last, screen)
    if times != until:
        times += f" to {until.removeprefix('uptime ')}"
    lines = f"lines {first.place.first_line:,} to {last.place.last_line:,} of {screen.text(events[0].source)}"
    screen.wrap(f"When    {times} ({lines})", "", "        ")
    _next(screen, next_steps(events[0], screen.text))


def _next(screen: Screen, said: Sequence[str]) -> None:
    screen.heading("NEXT")
    for line in said:
        screen.wrap(line, "  ", "    ")


def when(report: Report, screen: Screen) -> str:
    """The log's own time of a report, as a screen can show it."""
    return stamp(report, screen.text)


def stamp(report: Report, text: Text) -> str:
    """The log's own time of a report."""
    place = report.place
    if place.wall is not None:
        return text(place.wall)
    if place.uptime_us is not None:
        return f"uptime {units.clock(place.uptime_us // 1000)}"
    return f"line {place.first_line:,}"


def _place(screen: Screen, found: Explained) -> None:
    report = found.report
    place = report.place
    lines = f"lines {place.first_line:,} to {place.last_line:,}"
    if place.first_line == place.last_line:
        lines = f"line {place.first_line:,}"
    screen.wrap(f"When    {when(report, screen)} ({lines} of {screen.text(found.source)})", "", "        ")
    machine = [screen.text(part) for part in (report.kernel, report.hardware) if part]
    if machine:
        screen.wrap(f"Kernel  {', '.join(machine)}", "", "        ")


def _understood(screen: Screen, report: Report) -> None:
    screen.heading("HOW MUCH OF IT WAS UNDERSTOOD")
    if report.recognised == report.lines:
        words = f"all {report.lines} lines" if report.lines != 1 else "its one line"
    else:
        words = f"{report.recognised} of {report.lines} lines; not understood:"
    if not report.complete:
        words += "; its end is not in the log (cut, or the machine died there)"
    screen.wrap(words, "  ", "    ")
    if report.tasks_dropped:
        screen.line(f"  {units.count(report.tasks_dropped, 'row')} of the task table were too many to keep")
    for line in report.unknown[:UNKNOWN_SHOWN]:
        screen.line(f"    {screen.text(line)}", "dim")
    if len(report.unknown) > UNKNOWN_SHOWN:
        screen.line(f"    … and more of such lines (--json: up to {len(report.unknown)})", "dim")
