"""The checksum of cksum(1), which every POSIX shell's world has: CRC-32 in its MPEG-2 order, then the length.

Defined in POSIX.1-2017, "cksum".
"""

from __future__ import annotations

POLYNOMIAL = 0x04C11DB7


def _entry(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1 ^ POLYNOMIAL if value & 1 << 31 else value << 1) & 0xFFFFFFFF
    return value


TABLE = [_entry(byte) for byte in range(256)]


def cksum(data: bytes) -> int:
    """What ``cksum`` prints first for these bytes."""
    value, length = 0, len(data)
    size = bytearray()
    while length:
        size.append(length & 255)
        length >>= 8
    for byte in data + bytes(size):
        value = (value << 8 & 0xFFFFFFFF) ^ TABLE[value >> 24 ^ byte]
    return value ^ 0xFFFFFFFF
