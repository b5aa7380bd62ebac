"""What a disk holds after a power cut, made from the log of all that was written to it.

The disk has a cache that a cut empties: what came before the last flush is on it, of the writes behind that some are
and some are not, in any combination, and the last one may have got half-way. This is what a guest's file system may
rely on and no more; a disk that really loses power often keeps more.
"""

import random

from bed.block_log import Entry

SECTOR = 512


class Medium:
    """A disk from the first image on. Cuts are made in the order of the log: each at the last one's place or later."""

    def __init__(self, image: bytes, entries: list[Entry]) -> None:
        self._durable = bytearray(image)
        self._entries = entries
        self._done = 0  # entries that are in _durable

    def cut(self, end: int, dice: random.Random) -> bytes:
        """The disk, cut off when the log had ``end`` entries."""
        flushed = max((n for n in range(self._done, end) if self._entries[n].flush), default=self._done)
        for entry in self._entries[self._done : flushed]:
            _write(self._durable, entry.offset, entry.data)
        self._done = flushed
        image = bytearray(self._durable)
        kept = dice.random()
        for number in range(flushed, end):
            entry = self._entries[number]
            if not entry.forced and dice.random() > kept:
                continue
            data = entry.data
            if number == end - 1 and dice.random() < 0.5:
                data = data[: SECTOR * dice.randint(0, len(data) // SECTOR)]
            _write(image, entry.offset, data)
        return bytes(image)

    def cut_with_a_lying_disk(self, end: int, lost: int) -> bytes:
        """The same where flushes did nothing: the last ``lost`` entries before ``end`` are gone."""
        last = max(end - lost, 0)
        if last < self._done:
            raise ValueError("cuts have to come in the order of the log")
        for entry in self._entries[self._done : last]:
            _write(self._durable, entry.offset, entry.data)
        self._done = last
        return bytes(self._durable)


def _write(image: bytearray, offset: int, data: bytes) -> None:
    image[offset : offset + len(data)] = data
