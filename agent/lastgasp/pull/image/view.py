"""A flash dump looked at as what it holds: all of it, without the spare areas, or a few pieces in another order.

Contract: ``read(offset, size)`` gives the bytes there, fewer at the end, none beyond it; nothing is kept in memory.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol

WINDOW = 1 << 20


class View(Protocol):
    """Bytes that can be read anywhere."""

    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset`` on. Raises OSError."""


class Whole:
    """A file as it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._fd = file.fileno()
        self.size = file.seek(0, os.SEEK_END)

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset`` on. Raises OSError."""
        return os.pread(self._fd, size, offset)


class Pages:
    """A dump of NAND pages, each followed by its spare area: the pages alone."""

    def __init__(self, view: View, page: int, spare: int) -> None:
        self.view, self.page, self.spare = view, page, spare
        whole, rest = divmod(view.size, page + spare)
        self.size = whole * page + min(rest, page)

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset`` on. Raises OSError."""
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        first, inside = divmod(offset, self.page)
        last = (offset + size - 1) // self.page
        unit = self.page + self.spare
        raw = self.view.read(first * unit + inside, (last - first + 1) * unit - inside)
        return without_spare(raw, inside, self.page, self.spare)[:size]


def without_spare(raw: bytes, inside: int, page: int, spare: int) -> bytes:
    """``raw``, whose first byte is byte ``inside`` of a page, without what stands between the pages."""
    if len(raw) <= page - inside:
        return raw
    pieces = [raw[: page - inside]]
    pieces += [raw[at : at + page] for at in range(page - inside + spare, len(raw), page + spare)]
    return b"".join(pieces)


class Stream:
    """Reads a view from its beginning to its end, as ``ring.scan`` wants to; each window is shown to another first."""

    def __init__(self, view: View, shown: Callable[[int, bytes], None] | None = None) -> None:
        self._view, self._at = view, 0
        self._shown = shown

    def seek(self, offset: int, /) -> int:
        """Go on from there."""
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """The next bytes. Raises OSError."""
        data = self._view.read(self._at, size)
        if self._shown is not None:
            self._shown(self._at, data)
        self._at += len(data)
        return data


def joined(view: View, extents: Iterable[tuple[int, int]], size: int) -> bytes:
    """The first ``size`` bytes of these (offset, bytes) put side by side; fewer where they end. Raises OSError."""
    data = b""
    for start, length in extents:
        data += view.read(start, min(length, size - len(data)))
        if len(data) >= size:
            break
    return data


class Extents:
    """A file in pieces, each (offset in the file, offset in the view, bytes), with zeros between them."""

    def __init__(self, view: View, pieces: Iterable[tuple[int, int, int]]) -> None:
        self.view = view
        self.pieces = sorted(pieces)
        self.size = max((at + length for at, _, length in self.pieces), default=0)
        self._starts = [at for at, _, _ in self.pieces]

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset`` on. Raises OSError."""
        data = b""
        size = min(size, self.size - offset)
        index = max(bisect_right(self._starts, offset) - 1, 0)
        while len(data) < size and index < len(self.pieces):
            at, start, length = self.pieces[index]
            here = offset + len(data)
            if here < at:
                data += bytes(min(at - here, size - len(data)))
            elif here < at + length:
                data += self.view.read(start + here - at, min(at + length - here, size - len(data)))
                if len(data) < min(at + length - offset, size):
                    break  # the view ends before
            else:
                index += 1
        return data

    def place(self, offset: int) -> int | None:
        """Where a byte of the file is in the view."""
        index = bisect_right(self._starts, offset) - 1
        at, start, length = self.pieces[index] if index >= 0 else (0, 0, 0)
        return start + offset - at if 0 <= offset - at < length else None
