"""JFFS2 inode nodes, as include/uapi/linux/jffs2.h of the Linux kernel lays them out: up to a page of a file each.

In the byte order of the device. CRCs begin with zero, where zlib's begin with ones, and are not inverted at the end.
On NOR flash a node that was superseded is marked so by one bit cleared; such older versions are taken, too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from lastgasp.pull.image import lzo, unpack
from lastgasp.pull.image.nodes import Node
from lastgasp.pull.image.unpack import Unpack

MAGIC = 0x1985
INODE = 0xE002
ACCURATE = 0x2000  # cleared when the node is superseded; its CRCs are those of before
# magic, node type, length, CRC of what stands before; inode number, version, mode, user, group, file size, 3 times,
# offset in the file, stored bytes, bytes of the file, compression, that asked for, flags, CRCs of the data, of the node
LAYOUT = "HHIIIIIHHIIIIIIIBBHII"
LARGEST = 1 << 16  # bytes of a page, on any machine with this file system
NODE_CRC_OF = 60  # bytes
INVERT = 0xFFFFFFFF


class Jffs2:
    """How to know its inode nodes, in one byte order."""

    compressions: Mapping[int, tuple[str, Unpack | None]] = {
        0: ("none", unpack.stored),
        1: ("zero", unpack.zeros),
        2: ("rtime", unpack.rtime),
        3: ("rubinmips", None),
        5: ("dynrubin", None),
        6: ("zlib", unpack.zlib_stream),
        7: ("lzo", lzo.unpack),
    }

    def __init__(self, order: str) -> None:
        self.name = f"JFFS2 ({'little' if order == '<' else 'big'} endian)"
        self.layout = struct.Struct(order + LAYOUT)
        start = struct.Struct(order + "HH")
        self.magics: Sequence[bytes] = (start.pack(MAGIC, INODE), start.pack(MAGIC, INODE & ~ACCURATE))

    def likely(self, data: bytes) -> Node | None:
        """The data node whose header these bytes begin with, if its first CRC is right and all in it makes sense."""
        if len(data) < self.layout.size or data[:4] not in self.magics:
            return None
        fields = self.layout.unpack_from(data)
        _, _, length, crc, inode, version, *_, at, stored, size, compression, _, _, _, _ = fields
        if crc != _crc(self.magics[0] + data[4:8]) or compression not in self.compressions:
            return None
        if not 0 < size <= LARGEST or stored > LARGEST or self.layout.size + stored > length:
            return None
        return Node(inode, at, size, version, compression, self.layout.size, stored)

    def valid(self, data: bytes) -> bool:
        """Do these bytes begin with a whole data node, its CRCs right?"""
        node = self.likely(data)
        if node is None or len(data) < node.start + node.stored:
            return False
        *_, data_crc, node_crc = self.layout.unpack_from(data)
        return bool(
            node_crc == _crc(self.magics[0] + data[4:NODE_CRC_OF])
            and data_crc == _crc(data[node.start : node.start + node.stored])
        )


def _crc(data: bytes) -> int:
    return zlib.crc32(data, INVERT) ^ INVERT
