"""Tell of each block that appears in a ring: "WROTE slot write-number checksum", in the order of writing.

    watch-ring.py RING

A block is seen as soon as it is in the page cache, so before it is synced. Ends with its guest.
"""

import struct
import sys
import time
from posix import O_RDONLY, open, pread, stat, write

HEADER = struct.Struct("<8sBBBB20xQII")  # as far as slots; FORMAT.md, "A block"

path = sys.argv[1]
ring = open(path, O_RDONLY)
known: dict[int, int] = {}
while True:
    size = 4096
    news = []
    for place in range(stat(path).st_size // size):
        magic, _, _, _, _, number, slot, _ = HEADER.unpack(pread(ring, HEADER.size, place * size))
        if magic == b"lastgasp" and known.get(place) != number:
            known[place] = number
            news.append((number, slot, *struct.unpack("<I", pread(ring, 4, (place + 1) * size - 4))))
    for number, slot, crc in sorted(news):
        write(1, b"WROTE %d %d %d\n" % (slot, number, crc))
    time.sleep(0.01)
