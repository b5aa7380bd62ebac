"""A ring's slots as those see them who only visit: how many, how large, and which of them are meant."""

from __future__ import annotations

import posix

from lastgasp.ring.format import HEADER_SIZE, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE
from lastgasp.ring.prepare import valid_block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

    Writes = dict[int, list[tuple[int, int]]]  # by ring id: ranges of write numbers, both ends in them

BLOCK_DEVICE = 0o060000
SIZE_AT = 11  # where a block's header says how large it is


def length(fd: int, config: Config) -> int:
    """Bytes of the ring: of a block device, as many as are configured. Raises OSError."""
    found = posix.lseek(fd, 0, 2)
    return min(found, config.ring_size) if posix.fstat(fd).st_mode & 0o170000 == BLOCK_DEVICE else found


def block_size(fd: int, size_of_ring: int) -> int:
    """As the first block that can be read says; of a ring without blocks the least."""
    for at in range(0, size_of_ring, MIN_BLOCK_SIZE):
        head = posix.pread(fd, HEADER_SIZE, at)
        size = 1 << head[SIZE_AT] if len(head) == HEADER_SIZE and 12 <= head[SIZE_AT] <= 15 else 0
        if size and size <= MAX_BLOCK_SIZE and at % size == 0 and valid_block(posix.pread(fd, size, at)):
            return size
    return MIN_BLOCK_SIZE


def writes(text: str) -> Writes:
    """``1f2e:1-5,9;77:4``: of the ring 1f2e the writes 1 to 5 and 9, of the ring 77 the write 4."""
    found: Writes = {}
    for ring in text.split(";") if text else ():
        name, _, ranges = ring.partition(":")
        found[int(name, 16)] = [_range(one) for one in ranges.split(",")]
    return found


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def named(meant: Writes, ring: int, write: int) -> bool:
    """Is it one of these?"""
    return any(first <= write <= last for first, last in meant.get(ring, ()))
