"""What goes wrong on a serial line, as a function of bytes: seeded, so that it goes wrong the same way again."""

from __future__ import annotations

import random
import time

BURST = 48  # bytes, at most
LATE_S = 0.2
KERNEL = (
    b"usb 1-1: new high-speed USB device number 4 using ehci-platform",
    b"mmc0: Timeout waiting for hardware interrupt.",
    b"Out of memory: Killed process 412 (sensord) total-vm:20112kB, anon-rss:11264kB, file-rss:0kB",
    b"[drm] bad 10bpp\ttiming: > 8 `x` $y; (z) \"q\" 'p'",
)


class Faults:
    """One direction of a line. ``rate`` is how often a byte is hit; one that goes through costs nothing."""

    def __init__(self, kind: str, rate: float, seed: int) -> None:
        """``kind``: one of KINDS."""
        self.kind, self.rate = kind, rate
        self.hits = 0
        self._random = random.Random(f"{kind} {rate} {seed}")
        self._hit = getattr(self, f"_{kind}")
        self._next = self._gap()

    def __call__(self, data: bytes) -> bytes:
        """What arrives of it."""
        out = bytearray()
        at = 0
        while self._next < len(data) - at:
            out += data[at : at + self._next]
            at += self._next
            kind, taken = self._hit(data[at:])
            out += kind
            at += taken
            self.hits += 1
            self._next = self._gap()
        self._next -= len(data) - at
        return bytes(out + data[at:])

    def _gap(self) -> int:
        return int(self._random.expovariate(self.rate)) if self.rate else 1 << 60

    def _drop(self, data: bytes) -> tuple[bytes, int]:
        return b"", 1

    def _flip(self, data: bytes) -> tuple[bytes, int]:
        return bytes((data[0] ^ 1 << self._random.randrange(8),)), 1

    def _duplicate(self, data: bytes) -> tuple[bytes, int]:
        return data[:1] * 2, 1

    def _insert(self, data: bytes) -> tuple[bytes, int]:
        return self._random.randbytes(1) + data[:1], 1

    def _burst(self, data: bytes) -> tuple[bytes, int]:
        length = self._random.randint(2, BURST)
        return self._random.randbytes(length), length

    def _gone(self, data: bytes) -> tuple[bytes, int]:
        return b"", self._random.randint(2, BURST)

    def _delay(self, data: bytes) -> tuple[bytes, int]:
        time.sleep(self._random.uniform(0, LATE_S))
        return data[:1], 1

    def _printk(self, data: bytes) -> tuple[bytes, int]:
        lines = self._random.choices(KERNEL, k=self._random.choice((1, 1, 1, 2, 5)))
        return b"".join(b"\r\n[%12.6f] %s\r\n" % (self._random.uniform(5, 1e5), line) for line in lines) + data[:1], 1

    def _mixed(self, data: bytes) -> tuple[bytes, int]:
        found: tuple[bytes, int] = getattr(self, "_" + self._random.choice(MIXED))(data)
        return found


KINDS = ("drop", "flip", "duplicate", "insert", "burst", "gone", "delay", "printk", "mixed")
MIXED = ("drop", "flip", "duplicate", "insert", "gone")
NOT_UP = {"printk"}  # the kernel prints to the device's console, not into its shell
