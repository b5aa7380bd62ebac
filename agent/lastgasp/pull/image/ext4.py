"""Files of ext2, ext3 and ext4 that lie in several pieces, so that blocks of a ring in them may be cut.

Just enough of Documentation/filesystems/ext4 of the Linux kernel to find files that look like rings: superblock, group
descriptors, inodes, and where a file's data lies by its extents or, before ext4, its block map. All integers are
little endian. Nothing is trusted: what is out of bounds ends a file, and there is a most of everything. Not known are
descriptors that are spread over the groups (meta_bg), and files deleted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lastgasp.pull.image.view import Extents, View
from lastgasp.ring.format import BLANK_MAGIC, MAGIC, MIN_BLOCK_SIZE, MIN_SLOTS

SUPERBLOCK_AT, SUPERBLOCK_SIZE = 1024, 1024
SUPERBLOCK_MAGIC, MAGIC_AT = b"\x53\xef", 0x38
SECTOR = 512
INCOMPAT_META_BG, INCOMPAT_64BIT = 0x10, 0x80
REGULAR, KIND_OF_FILE = 0x8000, 0xF000
HAS_EXTENTS = 0x80000
EXTENT_MAGIC = 0xF30A
HEADER = struct.Struct("<HHHH4x")  # magic, entries, most entries, depth
LEAF = struct.Struct("<IHHI")  # block of the file, blocks, where they are: high, low
INDEX = struct.Struct("<IIH2x")  # block of the file, where its node is: low, high
UNWRITTEN = 32768  # longer extents are allotted but not written, by so much less
DIRECT = 12  # blocks in a block map before the indirect ones
DEEPEST = 5
LOOKED_AT = 16 * MIN_BLOCK_SIZE  # bytes at the beginning of a file, in which a block must begin


@dataclass(slots=True)
class FileSystem:
    """Where one is, and what its superblock says."""

    view: View
    start: int
    block: int  # bytes
    first_block: int
    inodes: int
    inodes_per_group: int
    inode: int  # bytes
    descriptor: int  # bytes
    left: int = 1 << 19  # pieces and nodes that are followed in all: they may lie over and point at one another

    @classmethod
    def at(cls, view: View, magic_at: int) -> FileSystem | None:
        """The one whose superblock's magic number is at this offset. Raises OSError."""
        start = magic_at - MAGIC_AT - SUPERBLOCK_AT
        if start < 0 or start % SECTOR:
            return None
        data = view.read(start + SUPERBLOCK_AT, SUPERBLOCK_SIZE)
        if len(data) < SUPERBLOCK_SIZE:
            return None
        (inodes,) = struct.unpack_from("<I", data)
        first, log = struct.unpack_from("<II", data, 0x14)
        (per_group,) = struct.unpack_from("<I", data, 0x28)
        revision, group = struct.unpack_from("<I", data, 0x4C)[0], struct.unpack_from("<H", data, 0x5A)[0]
        inode = struct.unpack_from("<H", data, 0x58)[0] if revision else 128
        (incompat,) = struct.unpack_from("<I", data, 0x60)
        descriptor = struct.unpack_from("<H", data, 0xFE)[0] if incompat & INCOMPAT_64BIT else 32
        good = log <= 6 and inode >= 128 and descriptor >= 32 and per_group and not incompat & INCOMPAT_META_BG
        if not good or group:  # those of other groups are copies
            return None
        return cls(view, start, 1024 << log, first, min(inodes, view.size // inode), per_group, inode, descriptor)

    def files(self) -> Iterator[Extents]:
        """Files in several pieces that begin like a ring. Raises OSError."""
        per_read = max(SECTOR * 128 // self.inode, 1)
        for group in range((self.inodes + self.inodes_per_group - 1) // self.inodes_per_group):
            table = self._inode_table(group)
            count = min(self.inodes_per_group, self.inodes - group * self.inodes_per_group)
            for first in range(0, count if table else 0, per_read):
                size = min(per_read, count - first) * self.inode
                data = self.view.read(table + first * self.inode, size)
                for at in range(0, len(data) - 127, self.inode):
                    found = self._file(data[at : at + 128])
                    if found is not None:
                        yield found

    def _inode_table(self, group: int) -> int:
        """Where it begins in the view; 0 where that makes no sense."""
        at = self.start + (self.first_block + 1) * self.block + group * self.descriptor
        data = self.view.read(at, self.descriptor)
        if len(data) < self.descriptor:
            return 0
        low = struct.unpack_from("<I", data, 8)[0]
        high = struct.unpack_from("<I", data, 0x28)[0] if self.descriptor >= 64 else 0
        return self._offset(high << 32 | low) or 0

    def _offset(self, block: int) -> int | None:
        """Where a block is in the view; None for one that there is not."""
        offset = self.start + block * self.block
        return offset if block > 0 and offset + self.block <= self.view.size else None

    def _file(self, inode: bytes) -> Extents | None:
        mode, size = struct.unpack_from("<H2xI", inode)
        size |= struct.unpack_from("<I", inode, 0x6C)[0] << 32
        if mode & KIND_OF_FILE != REGULAR or not MIN_SLOTS * MIN_BLOCK_SIZE <= size <= self.view.size:
            return None
        (flags,) = struct.unpack_from("<I", inode, 0x20)
        root = inode[0x28:0x64]
        pieces: list[tuple[int, int, int]] = []
        end, looked = 0, False
        for block, there, count in self._extents(root, DEEPEST) if flags & HAS_EXTENTS else self._mapped(root):
            at, offset = block * self.block, self._offset(there)
            self.left -= 1
            if not end <= at < size or offset is None or self.left < 0:
                break
            if at >= LOOKED_AT and not looked:
                looked = True
                if not _like_a_ring(Extents(self.view, pieces)):
                    return None
            end = min(at + count * self.block, size)
            if pieces and (pieces[-1][0] + pieces[-1][2], pieces[-1][1] + pieces[-1][2]) == (at, offset):
                pieces[-1] = (*pieces[-1][:2], end - pieces[-1][0])
            else:
                pieces.append((at, offset, end - at))
        file = Extents(self.view, pieces)
        return file if len(pieces) > 1 and _like_a_ring(file) else None

    def _extents(self, node: bytes, depth: int) -> Iterator[tuple[int, int, int]]:
        """Block of the file, block of the file system, how many."""
        self.left -= 1
        if len(node) < HEADER.size or self.left < 0:
            return
        magic, entries, _, levels = HEADER.unpack_from(node)
        if magic != EXTENT_MAGIC or levels > depth:
            return
        for at in range(HEADER.size, min(HEADER.size + entries * LEAF.size, len(node) - LEAF.size + 1), LEAF.size):
            if not levels:
                block, count, high, low = LEAF.unpack_from(node, at)
                if 0 < count <= UNWRITTEN:
                    yield block, high << 32 | low, count
                continue
            _, low, high = INDEX.unpack_from(node, at)
            offset = self._offset(high << 32 | low)
            if offset is not None:
                yield from self._extents(self.view.read(offset, self.block), levels - 1)

    def _mapped(self, root: bytes) -> Iterator[tuple[int, int, int]]:
        """The same of a block map: twelve blocks, then blocks of blocks, then blocks of these."""
        numbers = struct.unpack("<15I", root)
        yield from ((at, block, 1) for at, block in enumerate(numbers[:DIRECT]) if block)
        at = DIRECT
        for levels, block in enumerate(numbers[DIRECT:], 1):
            yield from self._indirect(block, levels, at)
            at += (self.block // 4) ** levels

    def _indirect(self, block: int, levels: int, at: int) -> Iterator[tuple[int, int, int]]:
        offset = self._offset(block)
        self.left -= 1
        if offset is None or self.left < 0:
            return
        step = (self.block // 4) ** (levels - 1)
        numbers = self.view.read(offset, self.block)
        for n in range(len(numbers) // 4):
            (one,) = struct.unpack_from("<I", numbers, 4 * n)
            if one and levels == 1:
                yield at + n, one, 1
            elif one:
                yield from self._indirect(one, levels - 1, at + n * step)


def superblocks(view: View, offset: int, data: bytes) -> Iterator[FileSystem]:
    """Those whose magic number is in these bytes, which begin at this offset of the view. Raises OSError."""
    at = data.find(SUPERBLOCK_MAGIC)
    while at >= 0:
        if (offset + at) % SECTOR == MAGIC_AT:
            system = FileSystem.at(view, offset + at)
            if system is not None:
                yield system
        at = data.find(SUPERBLOCK_MAGIC, at + 1)


def _like_a_ring(file: View) -> bool:
    heads = (file.read(at, len(BLANK_MAGIC)) for at in range(0, LOOKED_AT, MIN_BLOCK_SIZE))
    return any(head.startswith((MAGIC, BLANK_MAGIC)) for head in heads)
