"""The clocks of a device and how they stand to one another, and which boot this is.

The agent counts by CLOCK_BOOTTIME, which never goes back. The wall clock may be in 1970, and may be set at any time;
the kernel log has a clock of its own.
"""

import time

from lastgasp.proc import files

CLOCK_STEP_NS = 500_000_000  # what the wall clock must be set by to be told; less is the business of NTP


def boot_ms() -> int:
    """Milliseconds since boot, suspend included (CLOCK_BOOTTIME, 2.6.39)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_offset_ns() -> int:
    """CLOCK_REALTIME minus CLOCK_BOOTTIME, read with nothing in between: a delay would look like a step."""
    for _ in range(3):
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        offset = time.time_ns() - before
        if time.clock_gettime_ns(time.CLOCK_BOOTTIME) - before < CLOCK_STEP_NS // 10:
            break
    return offset


def log_clock_us(at_ms: int) -> int:
    """A time by the kernel log's clock, or a little before: it stops in suspend, and nothing corrects its rate."""
    return (at_ms - suspended_ms()) * 999


def suspended_ms() -> int:
    """For how long this machine has slept since it booted."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 1_000_000


def read_boot_id(root: bytes) -> bytes:
    """The 16 bytes of this boot's random id, zeros if the kernel gives none."""
    raw = (files.read(root + b"proc/sys/kernel/random/boot_id", 64) or b"").strip().replace(b"-", b"")
    try:
        return bytes.fromhex(raw.decode())[:16].ljust(16, b"\0")
    except ValueError:
        return bytes(16)
