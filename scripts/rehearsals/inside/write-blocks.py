"""Write whole blocks into a ring as the agent does, and print how much was programmed for them.

    write-blocks.py RING SLOTS BLOCK-SIZE SKIPPED BLOCKS PAUSE-S

What is written does not compress. The ring is made, some blocks are skipped, then bytes written and bytes programmed
are counted, each block with a pause behind it.
"""

import os
import re
import sys
import time

from lastgasp.ring.prepare import fill
from lastgasp.ring.storage import FileStorage
from lastgasp.ring.writer import Place, RingWriter

HISTOGRAM = "/sys/kernel/tracing/events/kprobes/programmed/hist"


def programmed() -> int:
    """Bytes since the boot."""
    with open(HISTOGRAM) as file:
        return sum(int(size) * int(count) for size, count in re.findall(r"len: *(\d+) .*hitcount: *(\d+)", file.read()))


slots, block_size, skipped, blocks = map(int, sys.argv[2:6])
pause_s = float(sys.argv[6])
storage = FileStorage(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT))
fill(storage, 0, slots * block_size, block_size)
writer = RingWriter(storage, Place(1, slots, 0, 0, 0), block_size, bytes(16), lambda: 0)
before = 0
for number in range(skipped + blocks):
    if number == skipped:
        before = programmed()
    while writer.blocks_written == number and not writer.errors:
        writer.encoder.event(number * 1000, b"mark", [(b"text", os.urandom(200))])
    time.sleep(pause_s)
print(blocks * block_size, programmed() - before, writer.errors)
