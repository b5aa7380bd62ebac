"""How much of a ring was used in which time, from the headers of its blocks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lastgasp.ring.format import OVERHEAD, SAMPLE_PRESSURE
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import load, newest_versions


class TooShort(Exception):
    """Not enough was recorded to say anything; str() says what there is."""


@dataclass(frozen=True, slots=True)
class Use:
    """From the start of a block to the end of the recording.

    ``blocks`` counts the last one by the share of it that is full; ``writes`` are all blocks written, those
    written early included; ``payload`` are bytes before compression, ``packed`` after it.
    """

    seconds: float
    blocks: float
    writes: int
    payload: int
    packed: int
    block_size: int


def boot_s() -> float:
    """The agent's clock: seconds since boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def used(path: str, from_s: float, to_s: float) -> Use:
    """The use of a ring by blocks begun at ``from_s`` or later, when recording ended at ``to_s``. Raises TooShort."""
    with open(path, "rb") as file:
        blocks = newest_versions(scan(file).blocks)
    counted = [block for block in blocks if block.uptime_ns >= from_s * 1e9]
    if not counted:
        raise TooShort(f"none of {len(blocks)} blocks begins after the warm-up: measure for longer")
    first, last = counted[0], counted[-1]
    share = last.payload_size / (last.size - OVERHEAD) if last.open else 1.0
    before = [block for block in blocks if block.number < first.number]
    return Use(
        seconds=to_s - first.uptime_ns / 1e9,
        blocks=len(counted) - 1 + share,
        writes=last.write_number - before[-1].write_number if before else last.write_number + 1,
        payload=sum(block.raw_size for block in counted),
        packed=sum(block.payload_size for block in counted),
        block_size=first.size,
    )


def disturbed(path: str) -> str:
    """A warning when the agent saw memory pressure, which the workloads do not make; empty when it did not."""
    flags = [flag for recording in load(path) for boot in recording.boots for flag in boot.sample_flags]
    count = sum(bool(flag & SAMPLE_PRESSURE) for flag in flags)
    return f"DISTURBED: {count} of {len(flags)} samples under memory pressure that others made" if count else ""
