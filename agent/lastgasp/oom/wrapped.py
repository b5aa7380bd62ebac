"""Lines that a terminal broke at its width, put together: what was copied out of a window, screen or tmux.

Nothing marks such a break. A row is taken for more of the one before if that is exactly as wide as the terminal, the
row has no prefix of its own as the kernel's lines there have, and no line of the log so far was longer. 80 and 132
columns are believed at once; another width is once two rows in succession are so wide, or it has happened twice. Where
it has happened twice, rows may also lack the spaces at their end. Lines without any prefix (dmesg -t) can't be told
from rows and are left as they are.
"""

from __future__ import annotations

import re

from lastgasp.oom.log import DICTIONARY, LONGEST, split

USUAL = (80, 132)
WHOLE = 8  # so many lines of that width with nothing broken off: it is no terminal's, but these lines are alike
BEGUN_ROW = re.compile(rb"\[ *(?:\d{1,10}|pid) *\](?: +[\w-]{1,20})* *$")  # of a table: without a name yet


class Wrapped:
    """Reads lines in their order. ``width``: shorter ones need not be shown to it while nothing is ``held``."""

    def __init__(self) -> None:
        self.width = USUAL[0]  # that the terminal may have: of the longest line so far
        self.held: tuple[int, bytes] | None = None
        self._row = 0  # how wide the last row of what is held is
        self._seen = 0  # how often a row of the whole width was followed by one without a prefix
        self._whole = 0  # how often by one with a prefix

    def feed(self, number: int, line: bytes) -> list[tuple[int, bytes]]:
        """The lines that are whole by now, each with the number of its first row."""
        body = line.rstrip(b"\r\n")
        done = []
        if self.held is not None:
            if self._continues(body):
                first, before = self.held
                self.held = first, before + b" " * (self.width - self._row) + body
                self._row = len(body)
                return []
            done = self.end()
        if len(body) > self.width:
            self.width, self._seen, self._whole = len(body), 0, 0
        if (len(body) == self.width or self._seen > 1) and split(body).prefixed:
            self.held, self._row = (number, body), len(body)
            return done
        return [*done, (number, line)]

    def end(self) -> list[tuple[int, bytes]]:
        """What is held is whole."""
        held, self.held = self.held, None
        return [held] if held else []

    def _continues(self, row: bytes) -> bool:
        if self.held is None or not row or len(row) > self.width or len(self.held[1]) > LONGEST:
            return False
        full = self._row == self.width
        if not full and not (self._seen > 1 and self._lost_spaces(self.held[1])):
            return False
        if split(row).prefixed or DICTIONARY.match(row):
            self._whole += full
            if self._whole > WHOLE and not self._seen:
                self.width, self._whole = self.width + 1, 0
            return False
        self._seen += full + (full and len(row) == self.width)
        return self._seen > 1 or self.width in USUAL

    def _lost_spaces(self, before: bytes) -> bool:
        return self._row == self.width - 1 or BEGUN_ROW.match(split(before).text) is not None
