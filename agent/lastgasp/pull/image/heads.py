"""What begins like a block of a ring: is it one, and how large would it be?"""

from __future__ import annotations

import zlib

from lastgasp.ring.format import CRC, DEFLATE, HEADER, HEADER_SIZE, MAGIC, OVERHEAD, VERSION
from lastgasp.ring.scan import BLOCK_SIZES

KNOWN_FLAGS = 7


def block_size(data: bytes | bytearray) -> int:
    """Of the block whose header these bytes begin with; 0 where they do not look like one.

    Stricter than a reader: the magic is also a word in program files, and those are not damaged blocks.
    """
    if len(data) < HEADER_SIZE or not data.startswith(MAGIC):
        return 0
    _, version, flags, encoding, size, stored, *_ = HEADER.unpack_from(data)
    if version != VERSION or flags > KNOWN_FLAGS or encoding > DEFLATE or size not in BLOCK_SIZES:
        return 0
    return 1 << size if stored <= (1 << size) - OVERHEAD else 0


def valid(data: bytes | bytearray) -> bool:
    """Do these bytes begin with a whole block, its CRC right?"""
    size = block_size(data)
    if not size or len(data) < size:
        return False
    (crc,) = CRC.unpack_from(data, size - CRC.size)
    return bool(crc == zlib.crc32(memoryview(data)[: size - CRC.size]))
