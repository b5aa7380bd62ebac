"""A recording that is looked at while it grows: what was decoded once is not decoded again.

Contract: after each ``add`` the recording is the one that ``load`` would make of all blocks given until then. An hour
of samples takes seconds to decode, the last one a millisecond.
"""

from __future__ import annotations

import io

from lastgasp.ring.scan import scan
from lastgasp.timeline.load import Builder, newest_versions
from lastgasp.timeline.model import Recording


class Growing:
    """Of one ring whose blocks come in order, each first short and then longer."""

    def __init__(self, name: str) -> None:
        self.recording = Recording(name, 0, [])
        self.last = -1  # number of the newest block
        self._builder = Builder(self.recording)
        self._taken = 0  # bytes of the newest block's payload

    def add(self, data: bytes) -> None:
        """Blocks as a file has them: the newest known one again, and those behind it."""
        file = io.BytesIO(data)
        for block in newest_versions(scan(file).blocks):
            if block.number < self.last:
                continue
            try:
                raw = block.payload(file)
            except ValueError:
                self._builder.broken += 1
                continue
            if block.number == self.last:
                self._builder.more(raw[self._taken :])
            else:
                missing = block.number - self.last - 1 if self.last >= 0 else 0
                self.recording.missing += missing
                self._builder.block(block, raw, missing)
                self.recording.blocks += 1
                self.recording.ring_id = block.ring_id
            self.last, self._taken = block.number, len(raw)
        if self.recording.boots:
            self._builder.finish()
