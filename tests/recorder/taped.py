"""An encoder and writer whose recording can be read back as a timeline at any moment."""

from __future__ import annotations

from flash import EmulatedFlash
from workload import BLOCK_SIZE, RING_ID, SLOTS, WALL_NS, blank_ring, read_back

from lastgasp.ring.writer import Place, RingWriter
from lastgasp.timeline.model import Boot


class Taped:
    """A writer on an emulated flash; ``boot()`` is all that was recorded so far."""

    def __init__(self) -> None:
        self.flash = EmulatedFlash(blank_ring())
        self.writer = RingWriter(
            self.flash, Place(RING_ID, SLOTS, 0, 0, 0), BLOCK_SIZE, bytes(16), lambda: WALL_NS, key_interval=1
        )
        self.encoder = self.writer.encoder

    def boot(self) -> Boot:
        assert self.writer.flush()
        recording = read_back(bytes(self.flash.image))
        assert recording is not None
        assert recording.undecodable == recording.unseen == recording.missing == 0
        return recording.boots[0]
