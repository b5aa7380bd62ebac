"""What rows say and when, one after another, for those who want all of it. None is absent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lastgasp.ring.format import ABSENT
from lastgasp.ring.payload import Series
from lastgasp.timeline.model import Boot

Columns = tuple[bytes, ...]
Change = tuple[int, int, Columns, Sequence[int | None]]  # when (ms), which row, names and values of its columns


def changes(boot: Boot, order: int, all_series: Sequence[Series]) -> Iterator[Change]:
    """The moments at which a row says something new, or says it again after a gap; ``order`` is given back."""
    before: tuple[Columns, object] | None = None
    before_ms = 0
    for series in all_series:
        columns, width, flat = series.columns, series.width, series.flat
        for place, at_ms in enumerate(series.at):
            values = flat[place * width : place * width + width]
            if (columns, values) != before or (boot.gaps and boot.gap_between(before_ms, at_ms)):
                known = [None if value == ABSENT else value for value in values] if ABSENT in values else values
                yield at_ms, order, columns, known
            before, before_ms = (columns, values), at_ms


def points(boot: Boot, table: str, key: bytes, column: bytes, less: bytes = b"") -> list[tuple[int, int | None]]:
    """Times (ms) and values of one column of one row, less those of another one; of two at one instant the later."""
    found: dict[int, int | None] = {}
    for series in boot.rows(table).get(key, ()):
        if column in series.columns and (not less or less in series.columns):
            values = series.flat[series.columns.index(column) :: series.width]
            others = series.flat[series.columns.index(less) :: series.width] if less else None
            for place, at_ms in enumerate(series.at):
                value, other = values[place], others[place] if others is not None else 0
                found[at_ms] = None if ABSENT in (value, other) else value - other
    return list(found.items())
