"""UBIFS data nodes, as fs/ubifs/ubifs-media.h of the Linux kernel lays them out: 4 KiB of a file each.

All integers are little endian. CRCs are those of zlib without the last inversion.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from lastgasp.pull.image import lzo, unpack
from lastgasp.pull.image.nodes import Node
from lastgasp.pull.image.unpack import Unpack

MAGIC = bytes.fromhex("31181006")
# magic, CRC of what follows it, sequence number, length, node type, group type; of the key inode number and
# block number with the key's type in the top bits; bytes of the file, compression, compressed bytes (if encrypted)
HEADER = struct.Struct("<4sIQIBB2xII8xIHH")
CRC_FROM = 8
BLOCK = 4096
DATA_NODE = 1
DATA_KEY = 1
KEY_BITS = 29
INVERT = 0xFFFFFFFF


class Ubifs:
    """How to know its data nodes."""

    name = "UBIFS"
    magics: Sequence[bytes] = (MAGIC,)

    def __init__(self) -> None:
        self.compressions: Mapping[int, tuple[str, Unpack | None]] = {
            0: ("none", unpack.stored),
            1: ("lzo", lzo.unpack),
            2: ("zlib", unpack.raw_deflate),
            3: ("zstd (Python 3.14 or libzstd unpacks that)", unpack.zstd()),
        }

    def likely(self, data: bytes) -> Node | None:
        """The data node whose header these bytes begin with, if all in it makes sense."""
        if len(data) < HEADER.size or not data.startswith(MAGIC):
            return None
        _, _, order, length, kind, _, inode, key, size, compression, _ = HEADER.unpack_from(data)
        if kind != DATA_NODE or key >> KEY_BITS != DATA_KEY or compression not in self.compressions:
            return None
        if not HEADER.size < length <= HEADER.size + BLOCK or not 0 < size <= BLOCK:
            return None
        block = key & (1 << KEY_BITS) - 1
        return Node(inode, block * BLOCK, size, order, compression, HEADER.size, length - HEADER.size)

    def valid(self, data: bytes) -> bool:
        """Do these bytes begin with a whole data node, its CRC right?"""
        node = self.likely(data)
        if node is None or len(data) < HEADER.size + node.stored:
            return False
        body = memoryview(data)[CRC_FROM : HEADER.size + node.stored]
        return bool(zlib.crc32(body) ^ INVERT == HEADER.unpack_from(data)[1])
