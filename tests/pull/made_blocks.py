"""Blocks that are whole and say what a test wants of them; their payload is no recording."""

from __future__ import annotations

import zlib

from lastgasp.pull.blocks import Pulled
from lastgasp.ring.format import CRC, HEADER, MAGIC


def block(
    number: int, write: int, ring: int = 7, flags: int = 0, payload: bytes = b"", uptime_s: int = 0, slots: int = 64
) -> Pulled:
    """A block of 4 KiB."""
    head = HEADER.pack(
        MAGIC, 1, flags, 0, 12, len(payload), len(payload), number, ring, write, write % slots, slots, b"b" * 16,
        uptime_s * 10**9, uptime_s * 10**9,
    )  # fmt: skip
    data = (head + payload).ljust(4096 - CRC.size, b"\0")
    made = Pulled.of(data + CRC.pack(zlib.crc32(data)))
    assert made is not None
    return made
