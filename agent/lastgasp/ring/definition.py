"""Tables as payloads define them, and what the masks of their rows choose."""

from __future__ import annotations

MASKS_REMEMBERED = 4096  # of a table


class TableDefinition:
    """A table as a payload defines it: names in order. ``present`` are the columns that a mask may choose.

    ``masks`` remembers what ``chosen`` said, by the mask: an integer where it is one byte, else bytes.
    """

    __slots__ = ("_places", "columns", "masks", "name", "present", "size", "some")

    def __init__(self, name: bytes, columns: tuple[bytes, ...], present: int = -1) -> None:
        self.name = name
        self.columns = columns
        self.size = (len(columns) + 7) >> 3
        self.present = present & (1 << len(columns)) - 1
        self.masks: dict[int | bytes, tuple[int, ...]] = {}
        self.some: dict[int, TableDefinition] = {}
        self._places: list[dict[int, tuple[int, ...]]] = [{} for _ in range(self.size)]

    def chosen(self, mask: bytes) -> tuple[int, ...]:
        """Column numbers of the bits set in ``mask``, and remembers them. Raises IndexError, ValueError."""
        if len(mask) < self.size:
            raise IndexError("a mask that is cut short")
        columns: tuple[int, ...] = ()
        for place, byte in enumerate(mask):
            known = self._places[place].get(byte)
            columns += self._columns(place, byte) if known is None else known
        if len(self.masks) < MASKS_REMEMBERED:
            self.masks[mask[0] if self.size == 1 else mask] = columns
        return columns

    def _columns(self, place: int, byte: int) -> tuple[int, ...]:
        """Column numbers that one byte of a mask chooses."""
        if byte & ~(self.present >> 8 * place):
            raise ValueError("a column that the table does not have, or a difference to an absent value")
        columns = self._places[place][byte] = tuple(8 * place + bit for bit in range(8) if byte >> bit & 1)
        return columns

    def with_only(self, present: int) -> TableDefinition:
        """The table as rows have it whose other columns are absent."""
        if present == self.present:
            return self
        known = self.some.get(present)
        if known is None:
            known = TableDefinition(self.name, self.columns, present)
            if len(self.some) < MASKS_REMEMBERED:
                self.some[present] = known
        return known
