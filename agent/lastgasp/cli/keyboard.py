"""Bytes from a terminal into names of keys: what xterm, the Linux console, screen and a serial line send."""

from __future__ import annotations

ESC = b"\x1b"
SEQUENCES = {
    b"[A": "up",
    b"[B": "down",
    b"[C": "right",
    b"[D": "left",
    b"OA": "up",
    b"OB": "down",
    b"OC": "right",
    b"OD": "left",
    b"[H": "home",
    b"[F": "end",
    b"OH": "home",
    b"OF": "end",
    b"[1~": "home",
    b"[4~": "end",
    b"[7~": "home",
    b"[8~": "end",
    b"[5~": "pgup",
    b"[6~": "pgdn",
}
SINGLE = {b"\r": "enter", b"\n": "enter", b"\x7f": "backspace", b"\x08": "backspace"}
LONGEST = 16  # bytes of a sequence; what goes on for longer is none


def keys(data: bytes, more: bool) -> tuple[list[str], bytes]:
    """Names of the keys in ``data``, and what may be the beginning of one; ``more``: the rest of that may come yet.

    Sequences that are not known are passed over as a whole.
    """
    found: list[str] = []
    while data:
        if data.startswith(ESC):
            size = _sequence(data)
            if not size:
                if more and len(data) < LONGEST:
                    break
                found.append("esc")
                data = data[1:]
                continue
            name = SEQUENCES.get(data[1:size])
            found += [name] if name else ["esc"] if size == 1 else []
            data = data[size:]
        elif data[:1] in SINGLE:
            found.append(SINGLE[data[:1]])
            data = data[1:]
        else:
            size = _character(data[0])
            if len(data) < size and more:
                break
            found += [c for c in data[:size].decode("utf-8", "replace") if c.isprintable()]
            data = data[size:]
    return found, data


def _sequence(data: bytes) -> int:
    """Bytes of the sequence that ``data`` begins with, 1 for ESC alone before something else; 0: not all there yet."""
    if len(data) == 1:
        return 0
    if data[1:2] == b"O":
        return 3 if len(data) > 2 else 0
    if data[1:2] != b"[":
        return 1
    for place in range(2, min(len(data), LONGEST)):
        if 0x40 <= data[place] <= 0x7E:  # ECMA-48: the final byte
            return place + 1
    return 0


def _character(first: int) -> int:
    """Bytes of the UTF-8 character that begins so."""
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
