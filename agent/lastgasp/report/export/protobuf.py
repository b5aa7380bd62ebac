"""The wire format of protocol buffers, as far as a trace needs it."""

from __future__ import annotations

VARINT, BYTES = 0, 2  # wire types


def varint(value: int) -> bytes:
    """LEB128."""
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A field that is a whole number, not negative."""
    return varint(field << 3 | VARINT) + varint(value)


def message(field: int, body: bytes) -> bytes:
    """A field that is a message, or bytes."""
    return varint(field << 3 | BYTES) + varint(len(body)) + body


def text(field: int, words: str) -> bytes:
    """A field that is text; nothing where it is empty."""
    return message(field, words.encode()) if words else b""
