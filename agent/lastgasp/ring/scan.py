"""Find every block in a file of any kind: a ring, a truncated or damaged one, a flash image around one.

Contract: bounded memory (a window and one entry of about 300 bytes per block), never raises on content, and
says of every byte whether it belonged to a valid block, was blank, or was damaged.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from lastgasp.ring.dictionary import DICTIONARY
from lastgasp.ring.format import (
    BLANK_MAGIC,
    CRC,
    DEFLATE,
    FLAG_KEY,
    FLAG_OPEN,
    FLAG_RECOVERED,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    MAX_BLOCK_SIZE,
    MIN_BLOCK_SIZE,
    OVERHEAD,
    STORED,
    VERSION,
)

WINDOW = 1 << 20
BLOCK_SIZES = range(MIN_BLOCK_SIZE.bit_length() - 1, MAX_BLOCK_SIZE.bit_length())


@dataclass(frozen=True, slots=True)
class Block:
    """One valid block: where it is and what its header says (FORMAT.md, "Block")."""

    offset: int
    size: int
    flags: int
    encoding: int
    payload_size: int
    raw_size: int
    number: int
    ring_id: int
    write_number: int
    slot: int
    slots: int
    boot_id: bytes
    uptime_ns: int
    realtime_ns: int

    @property
    def key(self) -> bool:
        """Can be decoded without the block before."""
        return bool(self.flags & FLAG_KEY)

    @property
    def open(self) -> bool:
        """Written early: it was not full yet."""
        return bool(self.flags & FLAG_OPEN)

    @property
    def recovered(self) -> bool:
        """Rebuilt from persistent RAM."""
        return bool(self.flags & FLAG_RECOVERED)

    def payload(self, file: BinaryIO) -> bytes:
        """Read and inflate the payload. Raises ValueError when it is not what the header promises."""
        file.seek(self.offset + HEADER_SIZE)
        packed = file.read(self.payload_size)
        if self.encoding == STORED:
            raw = packed
        elif self.encoding == DEFLATE:
            inflate = zlib.decompressobj(-15, zdict=DICTIONARY)
            try:
                raw = inflate.decompress(packed, self.raw_size + 1)
            except zlib.error as error:
                raise ValueError(f"block at byte {self.offset}: {error}") from None
        else:
            raise ValueError(f"block at byte {self.offset}: unknown encoding {self.encoding}")
        if len(raw) != self.raw_size:
            raise ValueError(f"block at byte {self.offset}: {len(raw)} bytes where {self.raw_size} were announced")
        return raw


@dataclass(slots=True)
class Scan:
    """What a file holds. Ranges are (offset, size) in bytes."""

    size: int = 0
    blocks: list[Block] = field(default_factory=list)
    blank: int = 0  # blocks never written
    empty_bytes: int = 0  # all zeros or all ones
    damaged: list[tuple[int, int]] = field(default_factory=list)
    newer: int = 0  # blocks of a later format version
    newest_version: int = VERSION


class Readable(Protocol):
    """As much of a file as a scan needs."""

    def seek(self, offset: int, /) -> int:
        """Go on from there."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end. Raises OSError."""


def scan(file: BinaryIO) -> Scan:
    """Scan ``file`` (seekable) from its beginning. Raises OSError."""
    result = Scan()
    for kind, offset, data in pieces(file):
        result.size = max(result.size, offset + len(data))
        if kind == "block":
            header = HEADER.unpack_from(data)
            result.blocks.append(Block(offset, len(data), header[2], header[3], *header[5:]))
        elif kind == "newer":
            result.newer += 1
            result.newest_version = max(result.newest_version, data[8])
        elif kind == "blank":
            result.blank += 1
        elif data.count(0) == len(data) or data.count(255) == len(data):
            result.empty_bytes += len(data)
        elif result.damaged and sum(result.damaged[-1]) == offset:
            result.damaged[-1] = (result.damaged[-1][0], result.damaged[-1][1] + len(data))
        else:
            result.damaged.append((offset, len(data)))
    return result


def pieces(file: Readable) -> Iterator[tuple[str, int, bytes]]:
    """The file cut into blocks, blank blocks, blocks of newer versions, and what lies between them ("other").

    Kind, offset and bytes of each piece, in order. Raises OSError. ``file`` is only read, after a seek to 0.
    """
    file.seek(0)
    window, p = b"", 0  # p: what comes next, as an index into window
    start = 0  # file offset of window[0]
    block_size = MIN_BLOCK_SIZE
    ended = False
    while True:
        if len(window) - p < MAX_BLOCK_SIZE and not ended:
            more = file.read(WINDOW)
            window, start, p = window[p:] + more, start + p, 0
            ended = not more
            continue
        if p == len(window):
            return
        kind, length = _classify(window, p, block_size)
        if not length:
            keep = 0 if ended else len(BLANK_MAGIC) - 1  # a magic may begin at the very end
            magic = window.find(MAGIC, p + 1)
            # Only up to there: else a window full of magic numbers would be searched once for each of them.
            blank = window.find(BLANK_MAGIC, p + 1, magic if magic > p else len(window))
            length = min([at for at in (blank, magic) if at > p], default=len(window) - keep) - p
        elif kind == "block":
            block_size = length
        yield kind, start + p, window[p : p + length]
        p += length


def _classify(window: bytes, p: int, block_size: int) -> tuple[str, int]:
    """What begins at ``window[p]``, and its length; length 0 when it is nothing of ours."""
    left = len(window) - p
    if window.startswith(BLANK_MAGIC, p):
        # How large it is it does not say, but there are no magic numbers in it.
        end = min(block_size, left) + p
        found = [window.find(magic, p + 1, end) for magic in (MAGIC, BLANK_MAGIC)]
        return "blank", min([at for at in found if at > p], default=end) - p
    if not window.startswith(MAGIC, p) or left < MIN_BLOCK_SIZE or window[p + 11] not in BLOCK_SIZES:
        return "other", 0
    size = 1 << window[p + 11]
    if left < size or CRC.unpack_from(window, p + size - CRC.size)[0] != zlib.crc32(
        memoryview(window)[p : p + size - CRC.size]
    ):
        return "other", 0
    if window[p + 8] != VERSION:
        return ("newer", size) if window[p + 8] > VERSION else ("other", 0)
    payload_size = HEADER.unpack_from(window, p)[5]
    return ("block", size) if payload_size <= size - OVERHEAD else ("other", 0)
