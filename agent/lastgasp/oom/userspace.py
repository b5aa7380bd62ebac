"""Kills by user space's own killers, and by Android's former driver: said as theirs, with their reason."""

from __future__ import annotations

from lastgasp.oom.log import Line
from lastgasp.oom.report import Report


class Lowmemorykiller:
    """The driver's message has several lines."""

    def __init__(self) -> None:
        self.pending: Report | None = None

    def read(self, line: Line, number: int) -> tuple[Report | None, bool]:
        """The report that ended before this line, if any; and whether the line was taken."""
        return None, False

    def end(self) -> Report | None:
        """The log ends."""
        ended, self.pending = self.pending, None
        return ended


def read(line: Line, number: int) -> Report | None:
    """A kill by a user-space killer, if this line tells of one."""
    return None
