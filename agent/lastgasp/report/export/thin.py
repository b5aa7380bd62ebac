"""Fewer samples: the first of each stretch of so many seconds, and what held then.

Kept as well are a boot's last sample, and the last before each gap and each OOM kill: what was known before something
happened stays known. A row moves to the next sample that is kept, of several that move to one the last stays, and what
that says again is left out. So every row says what held at its instant, just as without; what rose and fell in between
is not told.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

from lastgasp.timeline.model import Boot

Said = TypeVar("Said")


def thinned(boot: Boot, every_ms: int, kills: Iterable[int]) -> array[int]:
    """When the samples are that are kept; ``kills`` in ms of uptime."""
    taken = boot.sample_at
    ends = [bisect_right(taken, gap.from_ms) for gap in boot.gaps]
    ends += [bisect_left(taken, at_ms) for at_ms in kills]
    last = {end - 1 for end in (*ends, len(taken)) if end}
    kept = array("q")
    stretch = -1
    for number, at_ms in enumerate(taken):
        if (at_ms // every_ms > stretch or number in last) and not (kept and at_ms <= kept[-1]):
            kept.append(at_ms)
            stretch = at_ms // every_ms
    return kept


def at_kept(
    boot: Boot, kept: array[int], said: Iterable[tuple[int, Said]], until_ms: int | None
) -> Iterator[tuple[int, Said]]:
    """When (ms) and what, at kept samples before ``until_ms``; ``said`` is in the order of time."""
    told: tuple[int, Said] | None = None
    for place, moved in groupby(said, key=lambda one: bisect_left(kept, one[0])):
        if place == len(kept) or (until_ms is not None and kept[place] >= until_ms):
            return
        *_, (_, what) = moved
        if told is None or told[1] != what or boot.gap_between(told[0], kept[place]):
            told = kept[place], what
            yield told
