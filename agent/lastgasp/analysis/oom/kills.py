"""The kernel's OOM reports of a recording, each with its cause and with what was recorded before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lastgasp.analysis.oom.before import Before, Past, before
from lastgasp.analysis.oom.cause import Case, OomCause, cause
from lastgasp.analysis.oom.culprit import Culprit, culprit
from lastgasp.analysis.oom.events import reported_ms, reports
from lastgasp.analysis.times import Moment, moment
from lastgasp.oom.choice import Choice, choose
from lastgasp.oom.report import Report
from lastgasp.timeline.model import Recording

RECENT_US = 30_000_000  # who was killed so short a time before may be dying still


@dataclass(frozen=True, slots=True)
class Explanation:
    """One report, understood."""

    at: Moment
    report: Report
    choice: Choice
    cause: OomCause
    before: Before | None  # None: overcommit refused, or user space killed

    @property
    def recorded(self) -> bool:
        """Is it of the kernel's making, and of the time that was recorded?"""
        return self.before is not None and self.before.recorded_ms > 0

    @property
    def culprit(self) -> Culprit | None:
        """Who filled the memory, in one name; None: nobody can be named."""
        return culprit(self.cause, self.choice, self.before)


def explanations(recording: Recording) -> Iterator[Explanation]:
    """All reports of a recording, in the order of the kernel's log."""
    for index, boot in enumerate(recording.boots):
        swap_kb = boot.latest("meminfo.slow", b"", "SwapTotal")
        past: Past | None = None
        for report, choice in choices(reports(boot), swap_kb):
            at_ms = reported_ms(boot, report)
            why = cause(report, choice)
            known: Before | None = None
            if why.case not in (Case.REFUSED, Case.USER_SPACE):
                past = past or Past(recording, index)
                known = before(past, at_ms, report, choice, why)
            yield Explanation(moment(recording.boots, index, at_ms), report, choice, why, known)


def choices(reports: Iterable[Report], swap_kb: int | None = None) -> Iterator[tuple[Report, Choice]]:
    """Each report with the kernel's choice; the model knows who was killed shortly before."""
    killed: list[tuple[int | None, int]] = []
    for report in reports:
        now = report.place.uptime_us
        recent = {pid for at, pid in killed if at is None or now is None or 0 <= now - at <= RECENT_US}
        yield report, choose(report, recent, swap_kb)
        killed = [*killed[-50:], *((now, victim.pid) for victim in report.victims[:50])]
