"""What one recording's charts are drawn from, as JSON has it. Sizes are kB; ``page.js`` is the reader.

``boots`` and ``length``: the axis (see ``axis``); ``gaps`` on it, and ``end``: the last sample. ``events``: lines to
click. ``memory``, ``stalls`` and each life of ``processes`` hold frames: ``t`` times, ``c`` columns (differences, both;
null: unknown) and ``p`` pieces (points from, to, and until when the last one holds).
"""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.facts import Facts
from lastgasp.report import units
from lastgasp.report.html import machine
from lastgasp.report.html.axis import axis_of
from lastgasp.report.html.events import Happened, happened, lines
from lastgasp.report.html.kills import Kill, kills
from lastgasp.report.html.processes import POINTS, processes
from lastgasp.report.oom.recorded import explained
from lastgasp.timeline.model import Recording


@dataclass(frozen=True, slots=True)
class Contents:
    """One recording on the page."""

    facts: Facts
    kills: list[Kill]
    kills_left_out: int
    happened: list[Happened]
    happened_left_out: int
    charts: dict[str, object]


def contents(recording: Recording, facts: Facts, share: float = 1.0) -> Contents:
    """Choose what goes into the page; ``share`` of the points that one recording alone would have."""
    axis = axis_of(recording)
    told, kills_left_out = kills(facts, list(explained(recording, facts)))
    chosen, left_out = happened(facts, told)
    charts: dict[str, object] = {
        "boots": axis.encoded(),
        "length": axis.length,
        "end": max((axis.at(i, boot.sample_at[-1]) for i, boot in enumerate(axis.boots) if boot.sample_at), default=0),
        "date": not _one_day(facts),
        "gaps": [
            [axis.at(index, gap.from_ms), axis.at(index, gap.to_ms)]
            for index, boot in enumerate(recording.boots)
            for gap in boot.gaps
        ],
        "events": lines(chosen, axis, facts),
        "memory": machine.memory(axis, round(machine.MEMORY_POINTS * share)),
        "stalls": machine.stalls(axis, round(machine.STALL_POINTS * share)),
        "processes": processes(axis, facts, round(POINTS * share)),
    }
    return Contents(facts, told, kills_left_out, chosen, left_out, charts)


def _one_day(facts: Facts) -> bool:
    """Does everything happen on one day, so that times need no date?"""
    first, last = facts.span.first.wall_ns, facts.span.last.wall_ns
    return first is not None and last is not None and units.utc(first)[:10] == units.utc(last)[:10]
