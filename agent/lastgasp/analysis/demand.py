"""What is asked of a device from outside, for judging whether a process grows because more is asked of it.

Only work that others cause is taken: packets and bytes that arrive, processes that are started, what a process reads.
A program's own CPU time is none: that may well be the consequence of what it holds.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from lastgasp.analysis.shape.following import Work as Demand
from lastgasp.analysis.workload.counters import Counter, Work, counters, process_counters
from lastgasp.timeline.model import Boot

ASKED = (Work.PACKETS_IN, Work.BYTES_IN, Work.STARTS)
ASKED_OF_IT = (Work.OWN_READ,)

_known: WeakKeyDictionary[Boot, list[Demand]] = WeakKeyDictionary()  # a boot's counters are read once


def demands(boot: Boot, process: bytes | None = None) -> list[Demand]:
    """The counters (times in ms, totals) of a boot, and of one process if its key is given."""
    if boot not in _known:
        _known[boot] = _of(counters(boot, ASKED))
    own = _of(process_counters(boot, process, ASKED_OF_IT)) if process is not None else []
    return [*_known[boot], *own]


def _of(found: list[Counter]) -> list[Demand]:
    return [(counter.times, counter.total) for counter in found]
