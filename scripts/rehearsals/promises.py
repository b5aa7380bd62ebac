"""Which blocks a ring must hold after a power cut, by what was seen of the writer before it.

The writer syncs each block before it writes the next one (FORMAT.md, "Writing"). So when a block is seen under way,
wherever that is, all with a smaller write number had been synced.
"""

import io
from dataclasses import dataclass

from lastgasp.ring.format import CRC, HEADER, MAGIC
from lastgasp.ring.prepare import valid_block
from lastgasp.ring.scan import scan

SLOT, WRITE_NUMBER = 10, 9  # of the header's fields


@dataclass(frozen=True, slots=True)
class Write:
    """One block as it was written, told by its checksum."""

    slot: int
    number: int
    crc: int


def write_of(block: bytes) -> Write | None:
    """What a block says of itself; None where it is none."""
    if not valid_block(block):
        return None
    header = HEADER.unpack_from(block)
    return Write(header[SLOT], header[WRITE_NUMBER], CRC.unpack_from(block, len(block) - CRC.size)[0])


def writes_in(data: bytes, block_size: int) -> list[Write]:
    """The blocks in what was written to a disk in one go, on a file system with blocks of this size."""
    pieces = (data[at : at + block_size] for at in range(0, len(data), block_size))
    return [write for piece in pieces if piece.startswith(MAGIC) and (write := write_of(piece))]


class Promises:
    """All writes that were seen, and which of them a cut must not take."""

    def __init__(self, complete: bool) -> None:
        """``complete``: nothing was written that was not seen."""
        self.newest = -1
        self._complete = complete
        self._seen: dict[int, Write] = {}
        self._kept: dict[int, Write] = {}  # by slot, the last one that was synced
        self._under_way: Write | None = None

    @property
    def kept(self) -> int:
        """How many slots hold what must be found."""
        return len(self._kept)

    def saw(self, write: Write) -> None:
        """A block was seen on its way, for the first time or again."""
        if write.number <= self.newest:
            return
        if self._under_way:
            self._kept[self._under_way.slot] = self._under_way
        self._seen[write.number] = self._under_way = write
        self.newest = write.number

    def faults(self, ring: bytes) -> list[str]:
        """What is wrong with a ring after a cut: blocks that it has lost, blocks that nobody wrote there."""
        found = blocks_in(ring)
        wrong = []
        for slot, write in self._kept.items():
            there = found.get(slot)
            if there is None and self._under_way and self._under_way.slot == slot:
                continue  # torn by the write that was under way: it was the oldest, or superseded
            if there is None or there.number < write.number:
                wrong.append(f"slot {slot} has lost write {write.number}")
        for slot, there in found.items():
            known = self._seen.get(there.number)
            unknown = known is None and self._complete
            if slot != there.slot or unknown or (known and known != there):
                wrong.append(f"slot {slot} has write {there.number}, which nobody wrote there")
        return wrong

    def go_on(self, ring: bytes) -> None:
        """Begin with what a ring holds: the writer that starts there uses the numbers of what was lost again."""
        self._kept = blocks_in(ring)
        self._seen = {write.number: write for write in self._kept.values()}
        self._under_way = None
        self.newest = max(self._seen, default=-1)


def blocks_in(ring: bytes) -> dict[int, Write]:
    """The whole blocks of a ring by the slot that they stand in."""
    found = {}
    for block in scan(io.BytesIO(ring)).blocks:
        if block.offset % block.size == 0 and (write := write_of(ring[block.offset :][: block.size])):
            found[block.offset // block.size] = write
    return found
