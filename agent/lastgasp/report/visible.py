"""Text from an adversary made harmless: shown, never obeyed.

Process names, command lines, mapping names, kernel messages and marks may hold anything: terminal escapes, newlines,
right-to-left overrides, characters that are not there or that pile up. ``visible`` is the only way from such bytes
to something that is printed, and what it gives is unambiguous: a backslash always begins an escape.
"""

from __future__ import annotations

import unicodedata

# Letters, marks of their own width, numbers, punctuation, symbols. Not: controls, format characters (bidirectional
# overrides, zero-width joiners), surrogates, private and unassigned ones, separators but the space, combining marks.
SHOWN = {
    "Lu",
    "Ll",
    "Lt",
    "Lm",
    "Lo",
    "Nd",
    "Nl",
    "No",
    "Pc",
    "Pd",
    "Ps",
    "Pe",
    "Pi",
    "Pf",
    "Po",
    "Sm",
    "Sc",
    "Sk",
    "So",
}
# Right-to-left letters reorder the rest of the line, numbers included.
TURNING = {"R", "AL", "AN"}
# Letters that show as nothing at all (Hangul fillers, the Khmer inherent vowels, the Braille blank).
BLANK = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u17b4", "\u17b5", "\u2800"}


def visible(raw: bytes | str) -> str:
    """``raw`` (bytes: UTF-8 as far as it is) as printable text on one line, the rest as \\xNN, \\uNNNN, \\n …"""
    text = raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else raw
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(c if _harmless(c) else _escape(c) for c in text)


def _harmless(c: str) -> bool:
    if c == "\\":
        return False
    if c.isascii():
        return c.isprintable()
    return unicodedata.category(c) in SHOWN and unicodedata.bidirectional(c) not in TURNING and c not in BLANK


def _escape(c: str) -> str:
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if c in "\\\n\r\t":
        return {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}[c]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """How many columns of a terminal a visible text takes: East Asian wide characters take two."""
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text if not c.isascii())


def fit(text: str, width: int, dots: str = "…") -> str:
    """A visible text cut to ``width`` columns; ``dots`` stand where something was left out at the end."""
    if columns(text) <= width:
        return text
    room = width - len(dots)
    kept = ""
    for c in text:
        if columns(kept + c) > room:
            break
        kept += c
    return kept + dots


def fit_end(text: str, width: int) -> str:
    """The end of a visible text, ``width`` columns of it at most."""
    while columns(text) > width:
        text = text[1:]
    return text


def pad(text: str, width: int) -> str:
    """Filled up with spaces to ``width`` columns."""
    return text + " " * max(0, width - columns(text))
