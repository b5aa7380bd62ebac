"""A ring's blocks as lines of text that survive a serial console: numbered, measured, checked.

Contract: a frame is one line, ``:`` and then letters of base 85 or base 64 that none of the shell's, the terminal's
or the line's own control characters is among. It says what it is a part of, which part, of how many, how many bytes it
holds, and carries a CRC-32 over all that and over a word that the asker chose, so that neither what was garbled nor
what an earlier question left on the line can be taken for an answer. Frames do not lean on one another: each that
arrives counts, in any order, and what is missing is asked for again.

A block travels without the zeros that fill it up; its own CRC is its last four bytes, and covers them.
"""

import _struct
import zlib

# kind, number (of a slot, for a block), part, parts, bytes of data
HEADER = _struct.Struct("<BIBBH")
CRC = _struct.Struct("<I")
OVERHEAD = HEADER.size + CRC.size
MOST_PARTS = 255
LEAST_DATA, MOST_DATA = 64, 8192

INDEX = 0  # what will be sent: text, compressed
BLOCK = 1  # a block of the ring
LIVE = 2  # a piece of a payload that grows

START = b":"
DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"  # as in RFC 1924
BASE64, BASE85 = 64, 85


def pack(data: bytes, kind: int, number: int, size: int, word: bytes, base: int) -> "list[bytes]":
    """Lines, each with its newline, that carry ``data`` in parts of at most ``size`` bytes; no data is one empty part.

    Parts become larger where there would be more than MOST_PARTS.
    """
    size = max(size, -(-len(data) // MOST_PARTS))
    parts = max(1, -(-len(data) // size))
    lines = []
    for part in range(parts):
        piece = data[part * size : (part + 1) * size]
        whole = HEADER.pack(kind, number, part, parts, len(piece)) + piece
        whole += CRC.pack(zlib.crc32(whole, zlib.crc32(word)))
        lines.append(START + (_base64(whole) if base == BASE64 else _base85(whole)) + b"\n")
    return lines


def unpack(line: bytes, word: bytes, base: int) -> "tuple[int, int, int, int, bytes] | None":
    """Kind, number, part, parts and data of a line without its START and newline; None: it is no frame."""
    whole = _from_base64(line) if base == BASE64 else _from_base85(line)
    if whole is None or len(whole) < OVERHEAD:
        return None
    if CRC.unpack_from(whole, len(whole) - CRC.size)[0] != zlib.crc32(whole[: -CRC.size], zlib.crc32(word)):
        return None
    kind, number, part, parts, size = HEADER.unpack_from(whole)
    if size != len(whole) - OVERHEAD or part >= parts:
        return None
    return kind, number, part, parts, whole[HEADER.size : -CRC.size]


def line_size(data: int, base: int) -> int:
    """Letters of a line that carries so many bytes of data, without START and newline."""
    size = data + OVERHEAD
    return -(-size // 3) * 4 if base == BASE64 else size // 4 * 5 + (size % 4 + 1 if size % 4 else 0)


def _base64(data: bytes) -> bytes:
    import binascii

    return binascii.b2a_base64(data, newline=False)


def _from_base64(line: bytes) -> "bytes | None":
    import binascii

    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except ValueError:
        return None


def _base85(data: bytes) -> bytes:
    """Five digits for each four bytes, the most significant first; fewer at the end."""
    fill = -len(data) % 4
    letters = bytearray()
    for (word,) in _struct.iter_unpack(">I", data + bytes(fill)):
        word, last = divmod(word, 85)
        word, fourth = divmod(word, 85)
        word, third = divmod(word, 85)
        first, second = divmod(word, 85)
        letters += bytes((DIGITS[first], DIGITS[second], DIGITS[third], DIGITS[fourth], DIGITS[last]))
    return bytes(letters[: len(letters) - fill])


def _from_base85(line: bytes) -> "bytes | None":
    fill = -len(line) % 5
    digits = (line + DIGITS[-1:] * fill).translate(VALUES)
    if 255 in digits or fill == 4:
        return None
    data = bytearray()
    for at in range(0, len(digits), 5):
        word = 0
        for digit in digits[at : at + 5]:
            word = word * 85 + digit
        if word >> 32:
            return None
        data += word.to_bytes(4, "big")
    return bytes(data[: len(data) - fill])


VALUES = bytes(DIGITS.find(letter) & 255 for letter in range(256))
