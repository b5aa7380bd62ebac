"""Which mappings of a program are larger, new or gone: its largest process of each side, by the last complete reading.

The agent reads mappings of those who grow, and lists the larger ones. What one side did not list is unknown there, not
zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lastgasp.analysis.compare.sides import Runs, Side
from lastgasp.analysis.where import OTHERS, Mappings, Where

LEAST_BYTES = 64 * 1024
SHOWN = 5
VERSION = re.compile(rb"[-.]?\d[\d.]*")


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """One mapping, whatever its version. Bytes of anonymous memory and swap; None: not listed on that side."""

    name: bytes  # as NEW has it, if NEW has it; raw
    old: int | None
    new: int | None

    @property
    def by(self) -> int:
        """What it grew by, as far as that is known."""
        return (self.new or 0) - (self.old or 0)


def places(old: Side, new: Side, before: Runs, after: Runs) -> list[PlaceChange] | None:
    """Mappings that changed, those that grew most first; None when they were not read on both sides."""
    sides = [_where(side, runs) for side, runs in ((old, before), (new, after))]
    if sides[0] is None or sides[1] is None:
        return None
    sizes = [_sizes(where) for where in sides if where is not None]
    found = []
    for key in {**sizes[0], **sizes[1]}:
        was, now = sizes[0].get(key), sizes[1].get(key)
        name = (now or was or (b"", 0))[0]
        change = PlaceChange(name, was[1] if was else None, now[1] if now else None)
        if abs(change.by) >= LEAST_BYTES:
            found.append(change)
    return sorted(found, key=lambda change: -change.by)[:SHOWN]


def _where(side: Side, runs: Runs) -> Where | None:
    """Of the latest run that has a reading."""
    for run in reversed(runs.runs):
        where = Mappings(side.recordings[run.recording].boots, run.use.boot - 1).of(run.use.largest_key)
        if where is not None and where.complete:
            return where
    return None


def _sizes(where: Where) -> dict[bytes, tuple[bytes, int]]:
    found: dict[bytes, tuple[bytes, int]] = {}
    for place in where.places:
        if place.name != OTHERS:
            folder, _, base = place.name.rpartition(b"/")
            key = VERSION.sub(b"", base) if folder else place.name
            name, size = found.get(key, (place.name, 0))
            found[key] = name, size + place.bytes
    return found
