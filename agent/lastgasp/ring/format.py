"""Constants and integers of ring format version 1, as FORMAT.md fixes them.

Shared by writer and reader. Nothing here does I/O or keeps state.
"""

import _struct

MAGIC = b"lastgasp"
BLANK_MAGIC = b"LASTGASP-BLANK\n\0"
VERSION = 1

# magic, version, flags, encoding, log2(block size), payload bytes, raw bytes, block number, ring id,
# write number, slot, slots, boot id, CLOCK_BOOTTIME ns, CLOCK_REALTIME ns
HEADER = _struct.Struct("<8sBBBBIIIQQII16sQq")
HEADER_SIZE = HEADER.size
CRC = _struct.Struct("<I")
OVERHEAD = HEADER_SIZE + CRC.size

FLAG_KEY = 1  # decoding starts here: no state is carried over from the block before
FLAG_OPEN = 2  # written early; a longer version of the same block may follow
FLAG_RECOVERED = 4  # rebuilt from persistent RAM after a reset

STORED = 0
DEFLATE = 1  # raw deflate, preset dictionary 1

TABLE = 1
SAMPLE = 2
ATTRIBUTES = 3
END = 4
EVENT = 5
KMSG = 6

SAMPLE_SYSTEM = 1  # system tables were read
SAMPLE_PROCESSES = 2  # every process known was looked at: one that is not mentioned did not change
SAMPLE_PRESSURE = 4  # taken under memory pressure
SAMPLE_MORE = 8  # goes on from the record before: same instant

MIN_BLOCK_SIZE = 4096
MAX_BLOCK_SIZE = 32768
MIN_SLOTS = 32

# Stands for "absent" wherever values are packed as 64-bit integers; never written to the ring.
ABSENT = -(1 << 63)


def put_varint(out: bytearray, value: int) -> None:
    """Append ``value`` (0 <= value < 2**64) as LEB128: seven bits a byte, the least significant first."""
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def put_signed(out: bytearray, value: int) -> None:
    """Append a signed 64-bit ``value`` as the varint of its zigzag form (0, -1, 1, -2 become 0, 1, 2, 3)."""
    value = value << 1 if value >= 0 else ~value << 1 | 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def put_bytes(out: bytearray, value: bytes) -> None:
    """Append a byte string behind the varint of its length."""
    put_varint(out, len(value))
    out += value
