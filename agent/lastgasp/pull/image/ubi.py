"""UBI: which volume an erase block belongs to, and where in it, as drivers/mtd/ubi/ubi-media.h lays that out.

Each erase block begins with a header of its own; one that is in use has a second one a page or less behind it. Erase
blocks of a volume lie in any order, and old copies of some may be there, too: the highest sequence number counts.
All integers are big endian. CRCs are those of zlib without the last inversion.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from lastgasp.pull.image.view import View

MAGIC, USED_MAGIC = b"UBI#", b"UBI!"
# magic, version, erase counter, offsets of the second header and of the data, the image's number, CRC
HEADER = struct.Struct(">4sB3xQIII32xI")
# magic, version, volume type, copy flag, compatibility, volume, number in it, sizes, sequence number, CRC
USED = struct.Struct(">4sBBBBII4xIIII4xQ12xI")
MOST = 1 << 18  # erase blocks of a dump that are looked at
LEAST, LARGEST = 1 << 12, 1 << 24  # bytes of an erase block
INTERNAL = 0x7FFFEFFF  # the first volume number that holds no user's data: the layout volume
INVERT = 0xFFFFFFFF

Volume = tuple[int, int]  # the image's number and the volume's


@dataclass(frozen=True, slots=True)
class Used:
    """An erase block that holds data."""

    volume: Volume
    number: int  # in the volume
    order: int  # the highest one of the same number counts
    start: int  # where it begins in the view
    data: int  # where its data begins


@dataclass(slots=True)
class EraseBlocks:
    """All erase blocks of a view, in the order of their offsets."""

    starts: array[int] = field(default_factory=lambda: array("Q"))
    used: list[Used | None] = field(default_factory=list)
    size: int = 0  # once it was measured
    _newest: dict[tuple[Volume, int], Used] = field(default_factory=dict)

    def look(self, view: View, offset: int) -> None:
        """The magic number stands at this offset, behind all others before. Raises OSError."""
        data = view.read(offset, HEADER.size)
        if len(data) < HEADER.size or len(self.starts) >= MOST or not _crc_right(data):
            return
        _, _, _, second, begin, image, _ = HEADER.unpack(data)
        if not HEADER.size <= second < begin <= LARGEST:
            return
        data = view.read(offset + second, USED.size)
        used = None
        if len(data) == USED.size and data.startswith(USED_MAGIC) and _crc_right(data):
            fields = USED.unpack(data)
            used = Used((image, fields[5]), fields[6], fields[11], offset, offset + begin)
        self.starts.append(offset)
        self.used.append(used)
        if used is not None:
            other = self._newest.get((used.volume, used.number))
            if other is None or other.order < used.order:
                self._newest[used.volume, used.number] = used

    def measure(self) -> int:
        """Bytes of an erase block: the distance that most have. 0 where it is not known."""
        distances = Counter(b - a for a, b in pairwise(self.starts) if LEAST <= b - a <= LARGEST)
        self.size = distances.most_common(1)[0][0] if distances else 0
        return self.size

    @property
    def volumes(self) -> list[int]:
        """Numbers of the volumes that hold users' data."""
        return sorted({used.volume[1] for used in self.used if used and used.volume[1] < INTERNAL})

    def at(self, offset: int) -> Used | None:
        """The erase block that this byte of the view is in."""
        index = bisect_right(self.starts, offset) - 1
        return self.used[index] if index >= 0 else None

    def from_there(self, offset: int) -> Iterator[tuple[int, int]]:
        """The pieces of the view, (offset, bytes), that the volume goes on in from this byte of the view on."""
        size, used = self.size, self.at(offset)
        if used is None or not used.data <= offset < used.start + size:
            return
        yield offset, used.start + size - offset
        number = used.number
        while (after := self._newest.get((used.volume, number := number + 1))) is not None:
            yield after.data, max(after.start + size - after.data, 0)


def _crc_right(header: bytes) -> bool:
    return bool(zlib.crc32(header[:-4]) ^ INVERT == int.from_bytes(header[-4:], "big"))
