"""All that a guest wrote to a disk, in order: the log of QEMU's blklogwrites driver.

Its format is that of Linux' dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst; QEMU 7.2's
block/blklogwrites.c): a superblock, then entries, each a header in a sector of its own and the data behind it. QEMU
counts entries in the superblock only now and then, so a log is read to where it ends.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import BedError

MAGIC = 0x6A736677736872
VERSION = 1
SUPER = struct.Struct("<QQQI")
"""Magic number, version, entries, bytes of a sector."""
ENTRY = struct.Struct("<QQQQ")
"""Sector, sectors, flags, bytes of a mark."""
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
KNOWN = FLUSH | FUA | DISCARD | MARK
SECTOR_SIZES = (512, 1024, 2048, 4096)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: ``data`` was written at the byte ``offset``, or what the flags say."""

    offset: int
    flags: int
    data: bytes

    @property
    def flush(self) -> bool:
        """Everything before it that was done is on the medium when it is done."""
        return bool(self.flags & FLUSH)

    @property
    def forced(self) -> bool:
        """A write that is on the medium when it is done."""
        return bool(self.flags & FUA)


def entries(log: bytes) -> Iterator[Entry]:
    """Each request, in order; one that the log's end cuts off is left out. Raises BedError for what is no log."""
    if len(log) < SUPER.size:
        raise BedError("the log of the disk is empty")
    magic, version, _, sector = SUPER.unpack_from(log)
    if magic != MAGIC or version != VERSION or sector not in SECTOR_SIZES:
        raise BedError("the log of the disk is not one of dm-log-writes")
    at = sector
    while at + sector <= len(log):
        first, count, flags, _ = ENTRY.unpack_from(log, at)
        if not (first or count or flags):
            return  # room that nothing was logged in yet
        if flags & ~KNOWN:
            raise BedError(f"the log of the disk has an entry with flags {flags:#x} at byte {at}")
        at += sector
        size = 0 if flags & DISCARD else count * sector
        if at + size > len(log):
            return
        yield Entry(first * sector, flags, b"" if flags & MARK else log[at : at + size])
        at += size
