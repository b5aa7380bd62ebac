"""The OOM reports among a recording's kernel messages, explained with what was recorded before each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.before import Past, before
from lastgasp.analysis.oom.cause import Case
from lastgasp.analysis.oom.events import reported_ms, reports
from lastgasp.analysis.times import Moment, moment
from lastgasp.oom.choice import Choice, choose
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.answer import answer
from lastgasp.report.oom.page import Explained, explain
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Boot, Recording

RECENT_US = 30_000_000  # who was killed so short a time before may be dying still


@dataclass(frozen=True, slots=True)
class Recorded:
    """A report, and when it was made by the clock of its boot."""

    at: Moment
    explained: Explained


def explained(recording: Recording, facts: Facts) -> Iterator[Recorded]:
    """All reports of a recording, in the order of the kernel's log; ``facts`` are what it says otherwise."""
    said = tuple(answer(facts, visible)[:2])
    for index, boot in enumerate(recording.boots):
        name = f"the kernel messages of boot {index + 1} in {recording.name}"
        swap_kb = boot.latest("meminfo.slow", b"", "SwapTotal")
        past: Past | None = None
        for report, choice in choices(reports(boot), swap_kb):
            at_ms = reported_ms(boot, report)
            report.place = replace(report.place, wall=_wall(boot, at_ms))
            one = explain(report, choice, name)
            if one.cause.case not in (Case.REFUSED, Case.USER_SPACE):
                past = past or Past(recording, index)
                one = replace(one, before=before(past, at_ms, report, choice, one.cause))
            yield Recorded(moment(recording.boots, index, at_ms), replace(one, recorded=said))


def choices(reports: Iterable[Report], swap_kb: int | None = None) -> Iterator[tuple[Report, Choice]]:
    """Each report with the kernel's choice; the model knows who was killed shortly before."""
    killed: list[tuple[int | None, int]] = []
    for report in reports:
        now = report.place.uptime_us
        recent = {pid for at, pid in killed if at is None or now is None or 0 <= now - at <= RECENT_US}
        yield report, choose(report, recent, swap_kb)
        killed = [*killed[-50:], *((now, victim.pid) for victim in report.victims[:50])]


def _wall(boot: Boot, at_ms: int) -> bytes | None:
    wall_ns = boot.wall_ns(at_ms)
    return None if wall_ns is None else units.utc(wall_ns).encode()
