"""A ring's slots as those see them who only visit: how many, how large, and which of them are meant.

The agent, too, asks here when it starts, and then drops this module. A bad place of the medium ends nothing: what
cannot be read there counts as damaged.
"""

import posix

from lastgasp.ring.format import HEADER_SIZE, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE
from lastgasp.ring.prepare import SIZE_AT, valid_block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

    Writes = dict[int, list[tuple[int, int]]]  # by ring id: ranges of write numbers, both ends in them
    Marks = dict[tuple[int, int], int]  # by ring id and write number: the block's CRC

KIND, FOLDER, BLOCK_DEVICE = 0o170000, 0o040000, 0o060000
EISDIR = 21


def length(fd: int, config: "Config") -> int:
    """Bytes of the ring: of a block device, as many as are configured. Raises OSError."""
    kind = posix.fstat(fd).st_mode & KIND
    if kind == FOLDER:  # it has a length, too
        raise OSError(EISDIR, "Is a directory")
    found = posix.lseek(fd, 0, 2)
    return min(found, config.ring_size) if kind == BLOCK_DEVICE else found


def read(fd: int, block_size: int, slot: int, size: int = 0) -> bytes:
    """A slot, or its first ``size`` bytes; empty where it cannot be read."""
    try:
        return posix.pread(fd, size or block_size, slot * block_size)
    except OSError:
        return b""


def block_size(fd: int, size_of_ring: int, otherwise: int = MIN_BLOCK_SIZE) -> int:
    """As the first block that can be read says; of a ring without blocks ``otherwise``."""
    for at in range(0, size_of_ring, MIN_BLOCK_SIZE):
        head = read(fd, MIN_BLOCK_SIZE, at // MIN_BLOCK_SIZE, HEADER_SIZE)
        size = 1 << head[SIZE_AT] if len(head) == HEADER_SIZE and 12 <= head[SIZE_AT] <= 15 else 0
        if size and size <= MAX_BLOCK_SIZE and at % size == 0 and valid_block(read(fd, size, at // size)):
            return size
    return otherwise


def writes(text: str) -> "Writes":
    """``1f2e:1-5,9;77:4``: of the ring 1f2e the writes 1 to 5 and 9, of the ring 77 the write 4."""
    found: Writes = {}
    for ring in text.split(";") if text else ():
        name, _, ranges = ring.partition(":")
        found[int(name, 16)] = [_range(one) for one in ranges.split(",")]
    return found


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def marks(text: str) -> "Marks":
    """``1f2e:5-0badcafe,9-12345678``: in the ring 1f2e the write 5 ends with the CRC 0badcafe, the write 9 with …"""
    found: Marks = {}
    for ring in text.split(";") if text else ():
        name, _, those = ring.partition(":")
        for one in those.split(","):
            write, _, crc = one.partition("-")
            found[int(name, 16), int(write)] = int(crc, 16)
    return found


def named(meant: "Writes", ring: int, write: int) -> bool:
    """Is it one of these?"""
    return any(first <= write <= last for first, last in meant.get(ring, ()))
