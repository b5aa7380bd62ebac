"""In which mappings a process grew: its smaps readings, the last against the first, and what shape each growth has.

The agent reads the mappings of a process only once it has grown, so the first reading may come late, or there may be
only one: then it can be told where the memory is, but not where it came. Whoever is not read again has hardly grown:
what the last reading says holds to the end of the process. With few readings a mapping's shape is too short to tell.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lastgasp.analysis.ownership.owner import Owner
from lastgasp.analysis.shape.trend import Verdict, judge
from lastgasp.analysis.shape.verdict import average
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot

KB = 1024
OTHERS = b"[others]"


@dataclass(frozen=True, slots=True)
class Place:
    """One mapping, or all mappings of one file."""

    name: bytes  # path, [heap], [anon] …; raw
    bytes: int  # anonymous memory and swap at the last reading
    grown: int | None  # since the first reading; None: there was only one
    share: float | None  # of what all growing mappings grew, or of all memory where there was only one reading
    verdict: Verdict | None = None  # on its own curve; None: there was only one reading
    owner: Owner | None = None  # the package of that file; of memory without a file, that of the program


@dataclass(frozen=True, slots=True)
class Where:
    """The mappings of one process, those that grew most (or are largest) first."""

    first: Moment
    last: Moment
    readings: int  # that were complete; if none was, the last one speaks
    complete: bool
    grown: int | None  # of all mappings together
    places: list[Place]


class Mappings:
    """The readings of one boot, found by process."""

    def __init__(self, boots: list[Boot], index: int) -> None:
        self.boots, self.index, self.boot = boots, index, boots[index]
        self.names: dict[bytes, list[bytes]] = {}
        for key in self.boot.rows("mapping"):
            process, _, name = key.partition(b" ")
            self.names.setdefault(process, []).append(name)

    def of(self, process: bytes, until_ms: int | None = None) -> Where | None:
        """The mappings of one process, by the readings up to a moment; None when they were never read by then."""
        boot = self.boot
        times, rows = boot.together("mappings", process, ("complete",))
        if until_ms is not None:
            known = bisect_right(times, until_ms)
            times, rows = times[:known], rows[:known]
        if not times or process not in self.names:
            return None
        whole = [at for at, (complete,) in zip(times, rows, strict=True) if complete]
        readings = whole or list(times[-1:])
        first, last = readings[0], readings[-1]
        sizes, verdicts = {}, {}
        until = self._until(process, until_ms)
        for name in self.names[process]:
            key = process + b" " + name
            times, values = boot.together("mapping", key, ("anonymous", "swap"))
            kb = [anonymous + swap for anonymous, swap in values]
            ended = boot.ended.get((b"mapping", key), ())
            curve = [_held(times, kb, ended, at) * KB for at in readings]
            sizes[name] = curve[0], curve[-1]
            if len(readings) > 1:
                verdict = judge(readings, curve, max(until, last), len(readings))
                verdicts[name] = average(verdict)
        if len(readings) > 1:
            grown = sum(after - before for before, after in sizes.values())
            gained = sum(max(after - before, 0) for before, after in sizes.values())
            places = [
                Place(name, after, after - before, max(after - before, 0) / gained if gained else None, verdicts[name])
                for name, (before, after) in sizes.items()
            ]
            places.sort(key=lambda place: (place.grown or 0, place.bytes), reverse=True)
        else:
            total = sum(after for _, after in sizes.values())
            places = [Place(name, after, None, after / total if total else None) for name, (_, after) in sizes.items()]
            places.sort(key=lambda place: place.bytes, reverse=True)
        return Where(
            moment(self.boots, self.index, first),
            moment(self.boots, self.index, last),
            len(readings),
            bool(whole),
            grown if len(readings) > 1 else None,
            [place for place in places if place.bytes or place.grown],
        )

    def _until(self, process: bytes, until_ms: int | None) -> int:
        """Up to when its last reading holds."""
        known = self.boot.processes.get(process)
        ends = [known.gone_ms if known is not None else None, until_ms, self.boot.last_ms]
        return min(end for end in ends if end is not None)


def _held(times: Sequence[int], values: list[int], ended: Iterable[int], at: int) -> int:
    """The value that held at a moment; 0 before there was one and after the mapping left the list."""
    i = bisect_right(times, at) - 1
    if i < 0 or any(times[i] < end <= at for end in ended):
        return 0
    return values[i]
