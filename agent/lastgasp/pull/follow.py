"""The pieces of ``lastgasp-agent dump --follow`` (recorder.follow says how they look) into a recording that grows.

Contract: what is given is a file of whole blocks, the last one longer each time. A piece that was lost costs what
follows it up to the next key block, which is a gap in the recording; nothing is invented. Memory is bounded whatever
comes and for however long: at LIMIT the older half goes.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass

from lastgasp.pull.blocks import Parts
from lastgasp.pull.console.incoming import Frame
from lastgasp.ring import frames
from lastgasp.ring.dictionary import DICTIONARY
from lastgasp.ring.format import FLAG_KEY, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, OVERHEAD
from lastgasp.ring.writer import Place, compress, seal

HEAD = struct.Struct("<BII")
FIRST = struct.Struct("<qq16s")
LIMIT = 2 << 20  # bytes of blocks: hours of a small device at 2 s
MOST_RAW = MAX_BLOCK_SIZE - OVERHEAD  # of a payload
MS = 1_000_000  # ns
MOST_MS = 1 << 43  # since boot: 278 years, and no overflow
MOST_OFFSET_NS = 1 << 62


class Follow:
    """What came of one stream after another."""

    def __init__(self, limit: int = LIMIT) -> None:
        """``limit`` as LIMIT."""
        self.limit = limit
        self.pieces = 0  # that were taken
        self.lost = 0  # pieces that never came, or of which parts did not
        self._blocks: list[_Block] = []
        self._size = 0  # bytes of them
        self._place = Place(int.from_bytes(os.urandom(8), "little"), 1, 0, 0, 0)
        self._parts = Parts()
        self._next = 0  # number of the piece that is awaited
        self._open: _Open | None = None  # what the next piece goes on with

    def begin(self) -> None:
        """Another stream begins, from piece 0."""
        self._parts = Parts()
        self._next = 0
        self._miss()

    @property
    def first(self) -> int:
        """Number of the oldest block."""
        return self._blocks[0].number if self._blocks else 0

    def blocks(self, number: int = 0) -> bytes:
        """The blocks from this number on, as a file."""
        return b"".join(block.data for block in self._blocks if block.number >= number)

    def take(self, frame: Frame) -> bool:
        """One frame; does it make the recording longer?"""
        if frame.kind != frames.LIVE or frame.number < self._next:
            return False  # of before, or of nothing that we asked for
        if frame.number > self._next:
            self.lost += frame.number - self._next
            self._next = frame.number
            self._parts = Parts()
            self._miss()
        if not frame.data:
            return False  # a sign of life
        self._parts.add(frame.part, frame.parts, frame.data)
        if self._parts.missing:
            return False
        data, self._parts = self._parts.joined(), Parts()
        self._next += 1
        if not self._piece(data):
            self._miss()
            return False
        self.pieces += 1
        return True

    def _miss(self) -> None:
        """Something is missing here: a block number is left out, and the next block has to be a key block."""
        if self._open is not None:
            self._place.block_number += 1
            self._open = None

    def _piece(self, data: bytes) -> bool:
        """A whole piece. False: it cannot be used."""
        if len(data) < HEAD.size:
            return False
        flags, number, at = HEAD.unpack_from(data)
        rest = data[HEAD.size :]
        going_on = self._open
        if not at:
            key = bool(flags & FLAG_KEY)
            if len(rest) < FIRST.size or not (key or (going_on is not None and going_on.number + 1 == number)):
                return False
            base_ms, offset_ns, boot = FIRST.unpack_from(rest)
            if not 0 <= base_ms < MOST_MS or abs(offset_ns) > MOST_OFFSET_NS:
                return False
            going_on, rest = _Open(number, key, base_ms, offset_ns, boot), rest[FIRST.size :]
        elif going_on is None or going_on.number != number or len(going_on.payload) != at:
            return False
        if not going_on.add(rest):
            return False
        if going_on is self._open:
            self._size -= len(self._blocks.pop().data)
        else:
            self._place.block_number += 1
            self._open = going_on
        block = _Block(self._place.block_number, going_on.key, going_on.sealed(self._place))
        self._blocks.append(block)
        self._size += len(block.data)
        if self._size > self.limit:
            self._forget()
        return True

    def _forget(self) -> None:
        """The older half; what is left begins with a key block, if there is another one."""
        while len(self._blocks) > 1 and (self._size > self.limit // 2 or not self._blocks[0].key):
            self._size -= len(self._blocks.pop(0).data)


@dataclass(frozen=True, slots=True)
class _Block:
    """One of the recording."""

    number: int
    key: bool
    data: bytes


class _Open:
    """A block that grows."""

    __slots__ = ("_inflate", "base_ms", "boot", "key", "number", "offset_ns", "payload")

    def __init__(self, number: int, key: bool, base_ms: int, offset_ns: int, boot: bytes) -> None:
        """``number`` is the stream's, not the recording's."""
        self.number, self.key, self.base_ms, self.offset_ns, self.boot = number, key, base_ms, offset_ns, boot
        self.payload = b""
        self._inflate = zlib.decompressobj(-15, zdict=DICTIONARY)

    def add(self, packed: bytes) -> bool:
        """The next bytes. False: they are none, or more than a block has."""
        room = MOST_RAW - len(self.payload)
        try:
            more = self._inflate.decompress(packed, room + 1)
        except zlib.error:
            return False
        if not 0 < len(more) <= room:
            return False
        self.payload += more
        return True

    def sealed(self, place: Place) -> bytes:
        """As a block of the smallest size that has room for it."""
        encoding, packed = compress(self.payload)
        size = MIN_BLOCK_SIZE
        while size < len(packed) + OVERHEAD:
            size *= 2
        block = bytearray(size)
        place.write_number += 1
        place.slots = place.block_number + 1
        base_ns = self.base_ms * MS
        flags = FLAG_KEY if self.key else 0
        seal(
            block, flags, encoding, packed, len(self.payload), place, place.block_number, self.boot, base_ns,
            base_ns + self.offset_ns,
        )  # fmt: skip
        return bytes(block)
