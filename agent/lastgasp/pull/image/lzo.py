"""LZO1X unpacked: what UBIFS and JFFS2 compress with where nothing else was said.

The stream as the Linux kernel's Documentation/staging/lzo.rst describes it. An instruction copies from what was
unpacked before (a match), then up to three bytes as they are; runs of more such literals are instructions, too.
What an instruction byte below 16 means depends on how many literals came just before.
"""

from __future__ import annotations

LONG_RUN = 4  # stands for four or more literals just before


def unpack(data: bytes, limit: int) -> bytes:
    """The first ``limit`` bytes, or as many as there are. Raises ValueError where it is no such stream."""
    try:
        return bytes(_unpack(data, limit)[:limit])
    except IndexError:
        raise ValueError("an LZO stream that ends too early") from None


def _unpack(data: bytes, limit: int) -> bytearray:
    out = bytearray()
    p = literals = 0
    before = 0  # literals
    if data[0] > 17:
        literals, p = data[0] - 17, 1
        before = min(literals, LONG_RUN)
        _literals(out, data, p, literals)
        p += literals
    while len(out) < limit:
        op = data[p]
        p += 1
        if op < 16 and not before:
            length, p = _length(data, p, op, 15)
            _literals(out, data, p, length + 3)
            p += length + 3
            before = LONG_RUN
            continue
        if op >= 64:
            length = (op >> 5) + 1
            distance = (data[p] << 3) + (op >> 2 & 7) + 1
            p += 1
            literals = op & 3
        elif op >= 16:
            length, p = _length(data, p, op & 31, 31) if op >= 32 else _length(data, p, op & 7, 7)
            length += 2
            low = data[p] | data[p + 1] << 8
            p += 2
            distance = (low >> 2) + 1 if op >= 32 else 16384 + ((op & 8) << 11) + (low >> 2)
            if distance == 16384 and op < 32:
                return out  # the end of the stream
            literals = low & 3
        else:
            far = before == LONG_RUN
            length = 3 if far else 2
            distance = (data[p] << 2) + (op >> 2 & 3) + (2049 if far else 1)
            p += 1
            literals = op & 3
        _match(out, distance, min(length, limit - len(out)))
        _literals(out, data, p, literals)
        p += literals
        before = literals
    return out


def _length(data: bytes, p: int, short: int, most: int) -> tuple[int, int]:
    """A length that did not fit in its instruction goes on in the bytes behind: zeros count 255 each."""
    if short:
        return short, p
    zeros = p
    while not data[p]:
        p += 1
    return most + 255 * (p - zeros) + data[p], p + 1


def _literals(out: bytearray, data: bytes, p: int, length: int) -> None:
    if p + length > len(data):
        raise ValueError("an LZO stream that ends too early")
    out += data[p : p + length]


def _match(out: bytearray, distance: int, length: int) -> None:
    """What stood ``distance`` bytes ago, again; if it reaches beyond the end, with what is being copied."""
    start = len(out) - distance
    if start < 0:
        raise ValueError("an LZO stream that copies from before its beginning")
    piece = bytes(out[start : start + length])
    out += (piece * (length // len(piece) + 1))[:length] if length > len(piece) else piece
