"""Payloads into blocks, blocks onto storage: the side of the ring that must survive a power cut.

Contract:

* Only whole blocks are written, each followed by a sync; a block that was synced is not overwritten before
  everything in it was synced elsewhere, or until the ring comes round to it.
* A block written early (``flush``) is written again, longer, in *another* slot; the two slots take turns until the
  block is full. So early writes cost wear but no history, and a torn write never takes synced data with it.
* Storage errors never raise. What could not be written stays in memory and is tried again in the next slot;
  past ``RAW_LIMIT`` it is dropped and counted in ``lost``.

Memory: the payload (at most RAW_LIMIT blocks), one block, and zlib's window while a block is compressed.
"""

import zlib

from lastgasp.ring.dictionary import DICTIONARY
from lastgasp.ring.encoder import Encoder
from lastgasp.ring.format import (
    CRC,
    DEFLATE,
    FLAG_KEY,
    FLAG_OPEN,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    OVERHEAD,
    STORED,
    VERSION,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgasp.ring.storage import Storage

RAW_TARGET = 4  # a block is closed when the payload is this many times its size, however well it compresses
RAW_LIMIT = 6  # and dropped when it is this many times its size and storage still refuses it

# A window that holds the dictionary and half a block, and few hash bits: zlib takes 45 kB while it works instead of
# 268. With 4 KiB it would be 30 kB, for 20 % more bytes on flash; with 16 KiB 78 kB for 7 % fewer (measured).
LEVEL, WINDOW_BITS, MEMORY_LEVEL = 6, -13, 4

# A slot given up by an early write is used again only this close behind the head, so that after a restart
# the newest blocks are found together.
SPARE_DISTANCE = 4

NEARLY_FULL = 0.95
CAUTION = 1.1  # what is added is taken to compress this much worse than what is there
LEAST_RATIO = 0.25
STEP = 128  # payload bytes between two looks at whether the block is full
EIO = 5


def compress(payload: bytes | bytearray | memoryview) -> tuple[int, bytes]:
    """Encoding and stored bytes of a payload, whichever is the shortest."""
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    packed = deflate.compress(payload) + deflate.flush()
    if len(packed) < len(payload):
        return DEFLATE, packed
    return STORED, bytes(payload)


class Place:
    """Where a writer goes on: what ``prepare`` found in the ring."""

    __slots__ = ("block_number", "head", "ring_id", "slots", "write_number")

    def __init__(self, ring_id: int, slots: int, head: int, write_number: int, block_number: int) -> None:
        self.ring_id = ring_id
        self.slots = slots
        self.head = head  # slot to write next: the oldest
        self.write_number = write_number  # of the next write
        self.block_number = block_number  # of the next block


def seal(
    block: bytearray, flags: int, encoding: int, packed: bytes, raw_size: int, place: Place, slot: int,
    boot_id: bytes, uptime_ns: int, realtime_ns: int,
) -> None:  # fmt: skip
    """Make ``block`` a whole block: header, payload, zeros, CRC."""
    HEADER.pack_into(
        block, 0, MAGIC, VERSION, flags, encoding, len(block).bit_length() - 1, len(packed), raw_size,
        place.block_number, place.ring_id, place.write_number, slot, place.slots, boot_id, uptime_ns, realtime_ns,
    )  # fmt: skip
    end = HEADER_SIZE + len(packed)
    block[HEADER_SIZE:end] = packed
    block[end:] = bytes(len(block) - end)
    CRC.pack_into(block, len(block) - CRC.size, zlib.crc32(memoryview(block)[: -CRC.size]))


class RingWriter:
    """Writes the payload that its ``encoder`` gathers. One writer per ring (``storage`` holds the lock)."""

    def __init__(
        self,
        storage: "Storage",
        place: Place,
        block_size: int,
        boot_id: bytes,
        wall_offset_ns: "Callable[[], int]",
        key_interval: int = 1,
    ) -> None:
        """``wall_offset_ns`` returns CLOCK_REALTIME minus CLOCK_BOOTTIME; every ``key_interval``-th block is a key."""
        self.encoder = Encoder(self._relieve)
        self.storage = storage
        self.place = place
        self.blocks_written = 0
        self.errors = 0
        self.refusals = 0  # errors since the last success
        self.last_error = 0  # errno
        self.lost = 0  # payload bytes dropped because storage refused them for too long
        self._block = bytearray(block_size)
        self._capacity = block_size - OVERHEAD
        self.boot_id = boot_id
        self.wall_offset_ns = wall_offset_ns
        self._key_interval = key_interval
        self._since_key = 0  # blocks since the last key block, 0: this one is a key
        self._spare = -1  # slot given up by an early write
        self._version_slot = -1  # slot that holds this block's last early write
        self._flushed = 0  # payload bytes that are on flash
        self._fits = 0  # payload bytes that are known to fit, up to the time …
        self._fits_ms = 0
        self._fits_size = 0  # … and what they take when compressed
        self._ratio = 0.6  # of what is added; learned
        self._backoff = STEP  # payload bytes to wait for after an error
        self._set_limit()

    def _relieve(self) -> None:
        """The payload may have outgrown its block: see, and close the block if so."""
        payload = self.encoder.payload
        full = len(payload) >= RAW_TARGET * self._capacity
        encoding, packed = compress(payload)
        self._ratio = max(CAUTION * len(packed) / len(payload), LEAST_RATIO)
        if len(packed) > self._capacity:
            self._close_some()
            return
        self._remember_fit(len(packed))
        if full or len(packed) > self._capacity * NEARLY_FULL:
            self._close(encoding, packed, len(payload), self.encoder.last_ms)

    def flush(self) -> bool:
        """Write what there is now; False when storage refused it. Nothing new since the last write: no write."""
        payload = self.encoder.payload
        while payload and len(payload) != self._flushed:
            encoding, packed = compress(payload)
            if len(packed) > self._capacity:
                if not self._close_some():
                    return False
            else:
                if not self._write(FLAG_OPEN, encoding, packed, len(payload)):
                    return False
                self._flushed = len(payload)
                self._remember_fit(len(packed))
        return True

    @property
    def unflushed(self) -> int:
        """Payload bytes that are in memory only."""
        return len(self.encoder.payload) - self._flushed

    @property
    def flags(self) -> int:
        """FLAG_KEY where the current block can be decoded without the one before."""
        return FLAG_KEY if self._since_key == 0 else 0

    def _remember_fit(self, size: int) -> None:
        self._fits, self._fits_ms, self._fits_size = len(self.encoder.payload), self.encoder.last_ms, size
        self.encoder.marks.clear()
        self._set_limit()

    def _set_limit(self) -> None:
        """Foretell at which size the payload will fill the block; look again there."""
        left = self._capacity * NEARLY_FULL - self._fits_size
        size = self._fits + max(int(left / self._ratio), STEP)
        self.encoder.soft_limit = min(size, RAW_TARGET * self._capacity)

    def _close_some(self) -> bool:
        """The payload outgrew the block: close it with as many whole records as fit, keep the rest."""
        payload, marks = self.encoder.payload, self.encoder.marks
        end, end_ms = self._fits, self._fits_ms
        best = None
        low, high = 0, len(marks) - 1  # all before marks[low] fits, marks[high] does not
        while low < high:
            middle = (low + high) // 2
            trial = compress(payload[: marks[middle][0]])
            if len(trial[1]) <= self._capacity:
                low, best = middle + 1, trial
                end, end_ms = marks[middle]
            else:
                high = middle
        if end == 0:  # a single record larger than a block: nobody makes one, but do not spin on it
            end, end_ms = marks[0]
            self.lost += end
            self._next_block(end, end_ms, key=True)
            return True
        if best is None:
            best = compress(payload[:end])
        return self._close(*best, end, end_ms)

    def _close(self, encoding: int, packed: bytes, size: int, end_ms: int) -> bool:
        if size != self._flushed and not self._write(0, encoding, packed, size):
            if len(self.encoder.payload) > RAW_LIMIT * self._capacity:
                self.lost += len(self.encoder.payload) - self._flushed
                self._next_block(len(self.encoder.payload), self.encoder.last_ms, key=True)
            return False
        self._next_block(size, end_ms, key=self._since_key + 1 >= self._key_interval)
        return True

    def _next_block(self, size: int, end_ms: int, key: bool) -> None:
        self.encoder.cut(size, end_ms)
        self.place.block_number += 1
        self._version_slot = -1
        self._flushed = self._fits = self._fits_size = 0
        self._set_limit()
        if key and not self.encoder.payload:
            self.encoder.reset()
            self._since_key = 0
        else:
            self._since_key += 1

    def _target(self) -> int:
        """The slot to write next: one given up by an early write if it is near, else the oldest."""
        place = self.place
        if self._spare >= 0 and (place.head - self._spare) % place.slots > SPARE_DISTANCE:
            self._spare = -1
        return self._spare if self._spare >= 0 else place.head

    def _write(self, flags: int, encoding: int, packed: bytes, raw_size: int) -> bool:
        """Write one version of the current block and sync it."""
        place, block = self.place, self._block
        slot = self._target()
        base_ns = self.encoder.base_ms * 1_000_000
        seal(
            block, flags | self.flags, encoding, packed, raw_size, place, slot, self.boot_id, base_ns,
            base_ns + self.wall_offset_ns(),
        )  # fmt: skip
        place.write_number += 1
        try:
            self.storage.write(slot * len(block), block)
            self.storage.sync()
        except OSError as error:
            self._refused(slot, error.errno or 0)
            return False
        self.blocks_written += 1
        self._backoff = STEP
        self.refusals = 0
        if slot == place.head:
            place.head = (slot + 1) % place.slots
        self._spare = self._version_slot
        self._version_slot = slot
        return True

    def _refused(self, slot: int, errno: int) -> None:
        self.errors += 1
        self.refusals += 1
        self.last_error = errno
        self.encoder.soft_limit = len(self.encoder.payload) + self._backoff
        self._backoff = min(self._backoff * 2, self._capacity)
        if slot == self._spare:
            self._spare = -1
        elif errno == EIO:  # a bad place on the medium: leave it behind
            self.place.head = (slot + 1) % self.place.slots
