"""Fewer points that still tell the extremes: every value on the page is one that was recorded, at its own time.

Points are taken in runs of equal number, not of equal time: where the agent looked closer, so does the page.
"""

from __future__ import annotations

from collections.abc import Sequence


def keep(columns: Sequence[Sequence[int | None]], pieces: Sequence[tuple[int, int]], most: int) -> list[int]:
    """Which points to keep: of each run of points the first, and those where a column is lowest and highest.

    ``pieces``: stretches (from, to) of points that belong together; their last points are kept as well. Runs are made
    longer until there are at most ``most`` points, as far as the pieces allow that.
    """
    number = sum(end - begin for begin, end in pieces)
    if number <= most:
        return [i for begin, end in pieces for i in range(begin, end)]
    run = max(2 * number // most, 2)
    while True:
        kept = _keep(columns, pieces, run)
        if len(kept) <= most or run >= number:
            return kept
        run = max(run * len(kept) // most, run + 1)


def _keep(columns: Sequence[Sequence[int | None]], pieces: Sequence[tuple[int, int]], run: int) -> list[int]:
    kept: set[int] = set()
    for begin, end in pieces:
        kept.add(end - 1)
        for first in range(begin, end, run):
            kept.add(first)
            for column in columns:
                part = column[first : min(first + run, end)]
                known = [value for value in part if value is not None]
                if known:
                    kept.add(first + part.index(min(known)))
                    kept.add(first + part.index(max(known)))
    return sorted(kept)
