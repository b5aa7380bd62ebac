"""The OOM reports among a recording's kernel messages, explained with what was recorded before each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.kills import explanations
from lastgasp.analysis.times import Moment
from lastgasp.report import units
from lastgasp.report.answer import answer
from lastgasp.report.oom.page import Explained
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Boot, Recording


@dataclass(frozen=True, slots=True)
class Recorded:
    """A report, and when it was made by the clock of its boot."""

    at: Moment
    explained: Explained


def explained(recording: Recording, facts: Facts | None) -> Iterator[Recorded]:
    """All reports of a recording, in the order of the kernel's log; ``facts`` are what it says otherwise, if asked."""
    said = tuple(answer(facts, visible)[:2]) if facts is not None else ()
    for found in explanations(recording):
        boot = recording.boots[found.at.boot - 1]
        found.report.place = replace(found.report.place, wall=_wall(boot, found.at.uptime_ms))
        name = f"the kernel messages of boot {found.at.boot} in {recording.name}"
        one = Explained(found.report, found.choice, found.cause, name, said, found.before)
        yield Recorded(found.at, one)


def _wall(boot: Boot, at_ms: int) -> bytes | None:
    wall_ns = boot.wall_ns(at_ms)
    return None if wall_ns is None else units.utc(wall_ns).encode()
