"""A made-up recording whose every value is known, so that what is read back can be held against the truth.

Rows change at random, some appear late, some are quiet for long; every sample also carries a numbered event.
"""

from __future__ import annotations

import io
import random
from collections import defaultdict

from flash import EmulatedFlash

from lastgasp.ring import prepare
from lastgasp.ring.scan import scan
from lastgasp.ring.writer import Place, RingWriter
from lastgasp.timeline.load import decode
from lastgasp.timeline.model import Recording

BLOCK_SIZE = 4096
SLOTS = 32
RING_ID = 0x1122334455667789
BOOT = bytes(range(16))
WALL_NS = 1_800_000_000 * 10**9
STEP_MS = 1000

Truth = dict[bytes, dict[int, tuple[int | None, ...]]]


def blank_ring(slots: int = SLOTS, block_size: int = BLOCK_SIZE) -> bytes:
    return prepare.blank_block(block_size) * slots


class Workload:
    """Feeds a writer; ``truth[key][ms]`` is every value that was mentioned, ``events`` every event's number."""

    def __init__(
        self,
        flash: EmulatedFlash,
        seed: int,
        place: Place | None = None,
        key_interval: int = 4,
        boot: bytes = BOOT,
        start_ms: int = 10_000,
        first_event: int = 0,
        wall_ns: int = WALL_NS,
    ) -> None:
        slots = flash.size() // BLOCK_SIZE
        self.rng = random.Random(seed)
        self.wall_ns = wall_ns  # CLOCK_REALTIME minus CLOCK_BOOTTIME
        self.writer = RingWriter(
            flash, place or Place(RING_ID, slots, 0, 0, 0), BLOCK_SIZE, boot, lambda: self.wall_ns, key_interval
        )
        self.encoder = self.writer.encoder
        self.table = self.encoder.table(b"process", (b"rss", b"shared", b"cpu"))
        self.values: dict[bytes, tuple[int | None, ...]] = {}
        self.truth: Truth = defaultdict(dict)
        self.events: list[int] = []
        self.now_ms = start_ms
        self.next_event = first_event

    def sample(self, rows: int = 10) -> None:
        """One sample: some of ``rows`` rows change, one event is written."""
        rng, encoder = self.rng, self.encoder
        encoder.event(self.now_ms, b"mark", [(b"n", b"%d" % self.next_event), (b"noise", rng.randbytes(300))])
        self.events.append(self.next_event)
        self.next_event += 1
        encoder.begin(self.now_ms, 3)
        for number in rng.sample(range(rows), rng.randrange(rows)):
            key = b"%d@7" % number
            old = self.values.get(key, (0, 0, 0))
            values = tuple(
                None if rng.random() < 0.02 else (a or 0) + rng.choice((0, 0, 1, -1, 70, -3000, 1 << 40)) for a in old
            )
            if key in self.values and values == old:
                continue
            self.values[key] = values
            if not encoder.update(self.table, key, values):
                encoder.introduce(self.table, key, key, b"name", values)
            self.truth[key][self.now_ms] = values
        encoder.end()
        self.now_ms += STEP_MS


def read_back(image: bytes) -> Recording | None:
    """What a reader makes of the medium; None when there is no block on it."""
    file = io.BytesIO(image)
    scanned = scan(file)
    return decode(file, "image", scanned)[0] if scanned.blocks else None


def events_of(recording: Recording | None) -> list[int]:
    """The event numbers in a recording, in its order."""
    if recording is None:
        return []
    return [int(e.values["n"]) for boot in recording.boots for e in boot.events if e.kind == "mark"]


def invented(recording: Recording | None, *truths: Truth) -> list[str]:
    """Every point of a recording that is not in the truth (the truths are those of its boots, in any order)."""
    wrong = []
    for boot in recording.boots if recording is not None else ():
        for key, all_series in boot.rows("process").items():
            for series in all_series:
                for i, at in enumerate(series.at):
                    found = tuple(
                        None if v == -(1 << 63) else v for v in series.flat[i * series.width : (i + 1) * series.width]
                    )
                    if not any(truth.get(key, {}).get(at) == found for truth in truths):
                        wrong.append(f"{key!r} at {at} ms: {found}")
    return wrong
