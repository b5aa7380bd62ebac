"""The blocks that were found, ring by ring: of each its newest version, and where to read it again.

Bounded memory: some hundred bytes for each block. What had to be put together is kept in an unnamed temporary file.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from lastgasp.pull.image.heads import valid
from lastgasp.pull.image.view import View, Whole
from lastgasp.ring.format import HEADER

IN_PLACE = "in place"


@dataclass(frozen=True, slots=True)
class Place:
    """A valid block, and how it came to be whole."""

    view: View
    offset: int
    size: int
    number: int
    write_number: int
    slots: int
    how: str


@dataclass(slots=True)
class FoundRing:
    """One ring: iterating over it gives its blocks, by their number, each in its newest version. Raises OSError."""

    ring_id: int
    places: dict[int, Place] = field(default_factory=dict)  # by block number
    _versions: set[tuple[int, int]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[bytes]:
        for number in sorted(self.places):
            place = self.places[number]
            data = place.view.read(place.offset, place.size)
            if valid(data):  # still: somebody may write to the file
                yield data

    @property
    def newest(self) -> Place:
        """The block with the highest number."""
        return self.places[max(self.places)]

    @property
    def missing(self) -> int:
        """Numbers between the lowest and the highest without a block."""
        return max(self.places) - min(self.places) + 1 - len(self.places)

    @property
    def superseded(self) -> int:
        """Older versions of blocks that were found, too."""
        return len(self._versions) - len(self.places)

    @property
    def put_together(self) -> Counter[str]:
        """How many blocks did not lie in one piece, by what they were put together from."""
        return Counter(place.how for place in self.places.values() if place.how != IN_PLACE)

    def knows(self, number: int, write_number: int) -> bool:
        """Was this version of this block found before?"""
        return (number, write_number) in self._versions

    def add(self, place: Place) -> None:
        """A version of a block that was not known."""
        self._versions.add((place.number, place.write_number))
        other = self.places.get(place.number)
        if other is None or other.write_number < place.write_number:
            self.places[place.number] = place


class Collection:
    """Sorts blocks into rings. To be closed when nothing is read from those any more."""

    def __init__(self) -> None:
        self.rings: dict[int, FoundRing] = {}
        self._aside: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self._view = Whole(self._aside)

    def close(self) -> None:
        """Take away what was put together."""
        self._aside.close()

    def add(self, data: bytes, how: str = IN_PLACE, at: tuple[View, int] | None = None) -> None:
        """A valid block. ``at``: where it can be read again; without that it is kept aside. Raises OSError."""
        _, _, _, _, _, _, _, number, ring_id, write_number, _, slots, *_ = HEADER.unpack_from(data)
        ring = self.rings.setdefault(ring_id, FoundRing(ring_id))
        if ring.knows(number, write_number):
            return
        view, offset = at or self._keep(data)
        ring.add(Place(view, offset, len(data), number, write_number, slots, how))

    def _keep(self, data: bytes) -> tuple[View, int]:
        offset = self._aside.seek(0, os.SEEK_END)
        self._aside.write(data)
        self._aside.flush()
        self._view.size = offset + len(data)
        return self._view, offset
