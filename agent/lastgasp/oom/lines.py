"""A log's lines in their order, whole and taken apart, whatever wrote the log and whatever it was copied through.

Journals with fields (``journal``), rows of a terminal (``wrapped``), two bytes for each character (UTF-16), NUL bytes,
and records of /dev/kmsg in pieces are undone here; ``log`` takes the prefixes off. Never raises; what is held back
until it is whole is bounded. Of UTF-16 only ASCII is read: other characters come out as two bytes.
"""

from __future__ import annotations

from dataclasses import replace

from lastgasp.oom.journal import STARTS, Journal
from lastgasp.oom.log import DICTIONARY, LONGEST, Line, Log
from lastgasp.oom.wrapped import Wrapped

MARKS = {b"\xef\xbb\xbf": 3, b"\xff\xfe": 2, b"\xfe\xff": 2}  # of the order of bytes, at a file's beginning
SKIPPED = 512  # bytes of a line that was skipped: it matters only where it is the first half of a name
Numbered = tuple[int, Line]  # by the line, or the first of those, that it stood in


class Lines:
    """Reads lines; gives what is whole by now."""

    def __init__(self) -> None:
        self._log = Log()
        self._journal = Journal()
        self._wrapped = Wrapped()
        self._part: Numbered | None = None  # a record of which more may follow
        self._skipped = b""

    def skips(self, line: bytes) -> bool:
        """Whether this line stands for itself, so that who finds nothing in it may ``skip`` it, which is faster."""
        wrapped = self._wrapped
        return (
            wrapped.held is None
            and len(line) <= wrapped.width
            and line[:1] not in STARTS
            and self._part is None
            and not self._journal.inside
        )

    def skip(self, line: bytes) -> None:
        """Pass a line over."""
        self._skipped = line

    def feed(self, number: int, line: bytes) -> list[Numbered]:
        """Take the next line; the last that was skipped comes before it."""
        found: list[Numbered] = []
        if self._skipped:
            skipped, self._skipped = self._skipped[:SKIPPED], b""
            found += self._whole(number - 1, self._log.read(skipped))
        if number == 1:
            line = line[next((size for mark, size in MARKS.items() if line.startswith(mark)), 0) :]
        entries, taken = self._journal.read(line, number)
        found += [whole for entry in entries for whole in self._whole(*entry)]
        if taken:
            return self._read(self._wrapped.end()) + found
        if b"\0" in line:
            line = line.replace(b"\0", b"")
        if self._wrapped.held is None and len(line) <= self._wrapped.width:
            return found + self._whole(number, self._log.read(line))
        return found + self._read(self._wrapped.feed(number, line))

    def end(self) -> list[Numbered]:
        """The log ends."""
        found = self._read(self._wrapped.end())
        found += [whole for entry in self._journal.end() for whole in self._whole(*entry)]
        part, self._part = self._part, None
        return [*found, part] if part else found

    def _read(self, rows: list[tuple[int, bytes]]) -> list[Numbered]:
        return [whole for number, row in rows for whole in self._whole(number, self._log.read(row))]

    def _whole(self, number: int, line: Line) -> list[Numbered]:
        """A record of /dev/kmsg in pieces is one."""
        if self._part and line.continues and len(self._part[1].text) < LONGEST:
            first, before = self._part
            self._part = first, replace(before, text=before.text + line.text)
            return []
        if self._part and not line.kernel and DICTIONARY.match(line.text):
            return []
        done = [self._part] if self._part else []
        self._part = (number, line) if line.goes_on else None
        return done if line.goes_on else [*done, (number, line)]
