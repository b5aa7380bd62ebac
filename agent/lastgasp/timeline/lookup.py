"""Some columns of one row, for those who ask for many instants: what did it say then, and since when?"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from lastgasp.ring.format import ABSENT
from lastgasp.timeline.model import Boot

Values = tuple[int | None, ...]


class Lookup:
    """Made once for a row; it costs a copy of the columns."""

    __slots__ = ("_parts",)

    def __init__(self, boot: Boot, table: str, key: bytes, columns: tuple[bytes, ...]) -> None:
        self._parts: list[tuple[array[int], list[array[int] | None]]] = []
        for series in reversed(boot.rows(table).get(key, ())):
            place = {name: number for number, name in enumerate(series.columns)}
            chosen = [series.flat[place[name] :: series.width] if name in place else None for name in columns]
            self._parts.append((series.at, chosen))

    def at(self, at_ms: int) -> tuple[int, Values] | None:
        """When the row was last written, up to a moment, and its values, None for absent ones; None: not yet.

        Whether a gap of the recording lies in between is not looked at.
        """
        for times, columns in self._parts:
            i = bisect_right(times, at_ms) - 1
            if i >= 0:
                values = [ABSENT if column is None else column[i] for column in columns]
                return times[i], tuple(None if value == ABSENT else value for value in values)
        return None

    def written_after(self, at_ms: int) -> bool:
        """Whether the row was written again after a moment."""
        return any(len(times) and times[-1] > at_ms for times, _ in self._parts)

    def most(self) -> Values:
        """The highest value that each column ever had; None: it never had one."""
        found: list[int | None] = []
        for columns in zip(*(columns for _, columns in self._parts), strict=True):
            highest = max((max(column) for column in columns if column), default=ABSENT)
            found.append(None if highest == ABSENT else highest)
        return tuple(found)
