"""The parts that records are made of, read: integers, byte strings, pairs of them (FORMAT.md, "Integers")."""

from __future__ import annotations


def varint(data: bytes, p: int) -> tuple[int, int]:
    """The unsigned LEB128 integer at ``p`` and the position behind it. Raises IndexError, ValueError (> 64 bits)."""
    byte = data[p]
    p += 1
    if byte < 128:
        return byte, p
    value, shift = byte & 127, 7
    while True:
        byte = data[p]
        p += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                raise ValueError("varint over 64 bits")
            return value, p
        shift += 7
        if shift > 63:
            raise ValueError("varint over 64 bits")


def byte_string(data: bytes, p: int, end: int) -> tuple[bytes, int]:
    """A length and so many bytes. Raises IndexError where that reaches beyond ``end``."""
    length, p = varint(data, p)
    if p + length > end:
        raise IndexError("byte string beyond its record")
    return data[p : p + length], p + length


def pairs(data: bytes, p: int, end: int) -> list[tuple[bytes, bytes]]:
    """Names with values up to ``end``."""
    found = []
    while p < end:
        name, p = byte_string(data, p, end)
        value, p = byte_string(data, p, end)
        found.append((name, value))
    return found
