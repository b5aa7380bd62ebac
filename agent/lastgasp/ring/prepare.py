"""Before the first write: make the ring, or find the place in it where to go on.

Contract: after ``fill`` the file has its full size for ever. ``find_place`` reads every block once, keeps a
dozen numbers, and never puts the head where it would overwrite the newest blocks, whatever a crash left there.
"""

import posix
import time
import zlib

from lastgasp.ring.format import BLANK_MAGIC, CRC, HEADER, MAGIC, VERSION
from lastgasp.ring.writer import SPARE_DISTANCE, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.ring.storage import Storage

# Blocks this close to the newest can stand in the slots around the head (see writer, SPARE_DISTANCE).
RECENT = 2 * SPARE_DISTANCE
SIZE_AT = 11  # where a block's header has log2 of its size


class Found:
    """What is in a ring: the place to go on, and of the newest block what later decisions need."""

    __slots__ = ("blocks", "boot_id", "covered_ms", "early_writes", "end_ms", "newer_format", "place", "raw_size")

    def __init__(self) -> None:
        self.place: Place | None = None  # None: no block in it yet
        self.blocks = 0  # valid ones
        self.newer_format = False  # a block of a later format version is in it
        self.boot_id = b""  # boot that wrote the newest block
        self.raw_size = 0  # bytes of its payload before compression
        self.end_ms = 0  # a time (ms since that boot) that the newest block reaches back to
        self.early_writes = 0  # writes of blocks that were not full, since the oldest one that is kept
        self.covered_ms = 0  # how long the boots lasted that are in it, as far as it tells


def blank_block(block_size: int) -> bytes:
    """What a slot holds before its first block.

    Not compressible, so that file systems that compress (UBIFS, f2fs, btrfs) allot the space now and not when
    it has run out. Random bytes from a pool that may not be filled this early in a boot: any will do.
    """
    try:
        noise = posix.getrandom(block_size, 1)  # GRND_NONBLOCK
    except (OSError, AttributeError):
        noise = b""
    while len(noise) < block_size:
        noise += zlib.crc32(noise, len(noise)).to_bytes(4, "little")
    return BLANK_MAGIC + noise[: block_size - len(BLANK_MAGIC)]


def fill(storage: "Storage", start: int, size: int, block_size: int) -> None:
    """Write blank blocks from byte ``start`` (rounded down to a block) up to ``size``. Raises OSError (ENOSPC)."""
    blank = blank_block(block_size)
    for offset in range(start - start % block_size, size, block_size):
        storage.write(offset, blank)
    storage.sync()


def new_ring_id() -> int:
    """A number that tells rings apart; not zero.

    Random, unless the pool is not filled yet: on a device without entropy waiting for that takes minutes after the
    first boot. Then from the clocks, which no two devices have stopped at the same nanosecond.
    """
    try:
        number = int.from_bytes(posix.getrandom(8, 1), "little")  # GRND_NONBLOCK
    except (OSError, AttributeError):
        number = time.time_ns() ^ time.perf_counter_ns() << 20 ^ posix.getpid() << 48
    return number & (1 << 64) - 1 | 1


def valid_block(block: bytes) -> bool:
    """Is this a whole block of this format's version?"""
    return (
        len(block) > HEADER.size + CRC.size
        and block.startswith(MAGIC)
        and block[8] == VERSION
        and CRC.unpack_from(block, len(block) - CRC.size)[0] == zlib.crc32(memoryview(block)[: -CRC.size])
    )


def find_place(storage: "Storage", slots: int, block_size: int) -> Found:
    """Scan a ring of ``slots`` blocks. Unreadable blocks count as damaged. Does not raise on any content."""
    found = Found()
    recent: dict[int, tuple[int, int]] = {}  # slot: block number, write number
    newest_write = newest_block = newest_slot = -1
    oldest_write = oldest_block = 1 << 64
    ring_id = 0
    boot, lasted_ms = b"", 0
    for slot in range(slots):
        try:
            block = storage.read(slot * block_size, block_size)
        except OSError:
            continue
        if block[:8] == MAGIC and len(block) == block_size and block[8] > VERSION:
            found.newer_format = True
        if not valid_block(block):
            continue
        header = HEADER.unpack_from(block)
        block_number, write_number = header[7], header[9]
        found.blocks += 1
        oldest_write, oldest_block = min(oldest_write, write_number), min(oldest_block, block_number)
        if header[12] != boot:
            boot = header[12]
            found.covered_ms += lasted_ms
            lasted_ms = 0
        lasted_ms = max(lasted_ms, header[13] // 1_000_000)
        if block_number >= newest_block - RECENT:
            recent[slot] = block_number, write_number
        if write_number > newest_write:
            newest_write, newest_slot, ring_id = write_number, slot, header[8]
            found.boot_id = header[12]
            found.end_ms = header[13] // 1_000_000
            found.raw_size = header[6]
        if block_number > newest_block:
            newest_block = block_number
            for old in [s for s, (number, _) in recent.items() if number < newest_block - RECENT]:
                del recent[old]
    found.covered_ms += lasted_ms
    if found.blocks:
        found.early_writes = max(0, (newest_write - oldest_write) - (newest_block - oldest_block))
        head = (newest_slot + 1) % slots
        for _ in range(RECENT):
            number, write_number = recent.get(head, (-1, -1))
            superseded = any(n == number and w > write_number for n, w in recent.values())
            if number < 0 or superseded:
                break
            head = (head + 1) % slots
        found.place = Place(ring_id, slots, head, newest_write + 1, newest_block + 1)
    return found
