"""Which blocks a ring holds, by their headers alone, where reading each costs the device some processes.

Contract: as few headers as will do. A ring is written round and round, so a few of them tell where the newest block is,
and from there it goes backwards, until everything behind is kept, too old, or blank. Where the few do not look like
that (blocks were taken off, or are damaged), all headers are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lastgasp.pull.kept import Diverged
from lastgasp.pull.progress import Keeper
from lastgasp.ring.format import BLANK_MAGIC, MAGIC, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, VERSION
from lastgasp.ring.heads import Head, in_order, latest
from lastgasp.ring.prepare import RECENT, SIZE_AT

Read = Callable[[Iterable[int], int], dict[int, bytes]]  # headers of slots, of so many bytes each
SPREAD = 16  # headers that are looked at first, over the whole ring
BATCH = 16  # headers on the way back
ALIGNED = MAX_BLOCK_SIZE // MIN_BLOCK_SIZE  # a slot of any block size begins at each so manieth of the least


class Listing:
    """Of one ring; ``block_size`` (bytes) and ``slots`` are 0 until a block was found."""

    def __init__(self, read: Read, length: int) -> None:
        """``length``: bytes of the ring."""
        self._read, self._length = read, length
        self._headers: dict[int, bytes] = {}  # by slot, of the block size that was found
        self.block_size = self.slots = 0
        self.blank = False  # a block that was never written was seen: it is a ring, at least

    def heads(self, keeper: Keeper, last_s: int | None) -> list[Head]:
        """Headers of blocks, of as many as matter. Raises Diverged: the ring is not the one that is kept."""
        probed = self._probe()
        if not self.block_size:
            return []
        for one in self._at([slot for slot in keeper.places() if slot < self.slots]):
            if keeper.differs(one.ring, one.write, self._headers[one.slot]):
                raise Diverged(one.ring)
        newest = self._newest(probed) if _round(probed) else None
        return self._all() if newest is None else self._back(newest, keeper, last_s)

    def _probe(self) -> list[bytes]:
        """Find out how large blocks are; headers from everywhere, in the order of their slots."""
        count = self._length // MIN_BLOCK_SIZE
        step = max(1, count // SPREAD // ALIGNED) * ALIGNED
        last = max(0, count - 1) // ALIGNED * ALIGNED
        places = sorted({*range(0, count, step), last}) if count else []
        headers = self._read(places, MIN_BLOCK_SIZE)
        self._measure(headers)
        if not self.block_size:
            headers = self._read([place for place in range(count) if place not in headers], MIN_BLOCK_SIZE)
            self._measure(headers)
        return [headers[place] for place in sorted(headers) if place in places]

    def _measure(self, headers: dict[int, bytes]) -> None:
        self.blank |= any(data.startswith(BLANK_MAGIC) for data in headers.values())
        for data in headers.values():
            size = 1 << data[SIZE_AT] if _is_block(data) and data[SIZE_AT] < 32 else 0
            if MIN_BLOCK_SIZE <= size <= MAX_BLOCK_SIZE:
                self.block_size, self.slots = size, self._length // size
                return

    def _at(self, slots: Iterable[int]) -> list[Head]:
        """Heads of the blocks that stand in these slots."""
        wanted = list(slots)
        self._headers.update(self._read([slot for slot in wanted if slot not in self._headers], self.block_size))
        known = [(slot, self._headers[slot]) for slot in wanted if slot in self._headers]
        return [Head(slot, data) for slot, data in known if _is_block(data)]

    def _all(self) -> list[Head]:
        return self._at(range(self.slots))

    def _newest(self, probed: list[bytes]) -> Head | None:
        """The block of the highest write number; None: it was not found this way."""
        low, high = 0, self.slots
        best: Head | None = None
        while high > low:
            step = max(1, (high - low) // SPREAD)
            for one in self._at(range(low, high, step)):
                if best is None or one.write > best.write:
                    best = one
            if best is None or step == 1:
                break
            low, high = best.slot, min(best.slot + step, self.slots)
        highest = max((Head(0, data).write for data in probed if _is_block(data)), default=-1)
        return best if best is not None and best.write >= highest else None

    def _back(self, newest: Head, keeper: Keeper, last_s: int | None) -> list[Head]:
        """From the newest backwards."""
        found: list[Head] = []
        oldest: list[Head] = []  # what stands ahead of the newest block and is no version of the last few
        for at in range(0, self.slots, BATCH):
            some = [(newest.slot + RECENT - step) % self.slots for step in range(at, min(at + BATCH, self.slots))]
            new = self._at(some)
            if not at:
                oldest = [one for one in new if one.number < newest.number - BATCH or one.ring != newest.ring]
                new = [one for one in new if one not in oldest]
            found += new
            ordered = in_order(found)
            if last_s and len(latest(ordered, last_s * 1000)) < len(ordered):
                return found
            if all(self._headers.get(slot, b"").startswith(BLANK_MAGIC) for slot in some):
                return found + oldest
            if at and new and _known_behind(newest, new, oldest, keeper):
                return found
        return found + oldest


def _is_block(data: bytes) -> bool:
    return data.startswith(MAGIC) and data[8] == VERSION


def _round(probed: list[bytes]) -> bool:
    """Does it look like a ring that is written round and round: blocks everywhere, or up to a place?"""
    kinds = [_is_block(data) for data in probed]
    return bool(kinds) and kinds == sorted(kinds, reverse=True) and kinds[0]


def _known_behind(newest: Head, some: list[Head], oldest: list[Head], keeper: Keeper) -> bool:
    """Is nothing missing of these, and of all that can still be in the ring before them?"""
    first = keeper.known_since(newest.ring, max(one.write for one in some))
    return first is not None and first <= min((one.write for one in oldest), default=0)
