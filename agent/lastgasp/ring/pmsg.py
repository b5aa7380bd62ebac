"""Samples that are not yet on flash, mirrored to /dev/pmsg0: RAM that survives a warm reset, at no wear.

Contract: each frame carries one piece of a block's payload, numbered by its offset, with a CRC. After a reset
``recover`` joins the frames of the newest block that has them from offset 0 on without a hole. Losing a frame
loses what came after it in that block, never more, and nothing is invented.

The kernel keeps the last writes in a RAM ring of its own (fs/pstore/pmsg.c, CONFIG_PSTORE_PMSG) and shows them
after the reset as /sys/fs/pstore/pmsg-ramoops-*, as one stretch of bytes that may begin inside a frame.
"""

import _struct
import zlib

FRAME_MAGIC = b"LGpm"
# magic, CRC of all that follows, bytes of data, offset in the payload, flags, ring id, block number,
# CLOCK_BOOTTIME ms that times count from, CLOCK_REALTIME minus CLOCK_BOOTTIME ns, boot id
FRAME = _struct.Struct("<4sIIIIQIqq16s")
CRC_FROM = 8


class Recovered:
    """A payload found in persistent RAM, with what its block's header needs."""

    __slots__ = ("base_ms", "block_number", "boot_id", "flags", "payload", "wall_offset_ns")

    def __init__(self, flags: int, block_number: int, base_ms: int, wall_offset_ns: int, boot_id: bytes) -> None:
        self.flags = flags
        self.block_number = block_number
        self.base_ms = base_ms
        self.wall_offset_ns = wall_offset_ns
        self.boot_id = boot_id
        self.payload = b""


def frame(
    data: bytes, offset: int, flags: int, ring_id: int, block_number: int, base_ms: int, wall_offset_ns: int,
    boot_id: bytes,
) -> bytes:  # fmt: skip
    """One frame for a piece of the payload of a block."""
    whole = bytearray(
        FRAME.pack(FRAME_MAGIC, 0, len(data), offset, flags, ring_id, block_number, base_ms, wall_offset_ns, boot_id)
    )
    whole += data
    _struct.pack_into("<I", whole, 4, zlib.crc32(memoryview(whole)[CRC_FROM:]))
    return bytes(whole)


def recover(raw: bytes, ring_id: int) -> Recovered | None:
    """The newest block of this ring in what persistent RAM kept, or None. Never raises."""
    best: Recovered | None = None
    p = raw.find(FRAME_MAGIC)
    while 0 <= p <= len(raw) - FRAME.size:
        _, crc, size, offset, flags, ring, number, base_ms, wall, boot_id = FRAME.unpack_from(raw, p)
        end = p + FRAME.size + size
        if size > len(raw) or end > len(raw) or zlib.crc32(memoryview(raw)[p + CRC_FROM : end]) != crc:
            p = raw.find(FRAME_MAGIC, p + 1)
            continue
        if ring == ring_id:
            if best is None or (best.boot_id, best.block_number) != (boot_id, number):
                best = Recovered(flags, number, base_ms, wall, boot_id)
            if offset <= len(best.payload):  # a later frame may say again what is known
                best.payload = best.payload[:offset] + raw[p + FRAME.size : end]
        p = raw.find(FRAME_MAGIC, end)
    return best if best is not None and best.payload else None


def without_last_record(payload: bytes) -> bytes:
    """All whole records of a payload but the last."""
    ends, p = [0], 0
    try:
        while p < len(payload):
            p += 1
            length = shift = 0
            while True:
                byte = payload[p]
                p += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            p += length
            if p <= len(payload):
                ends.append(p)
    except IndexError:
        pass
    return payload[: ends[-2]] if len(ends) > 1 and ends[-1] == len(payload) else payload[: ends[-1]]
