"""Tier 3: where a process's memory is, by mapping, for those who grow and for the largest under pressure.

Reading smaps makes the target wait whenever it wants to change its own address space, so one process is read per
tick at most, a small buffer at a time, for no longer than a budget; and a process that took long is left alone
for a thousand times as long.
"""

import posix
import time

from lastgasp.proc import files, pid_smaps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.processes import Processes
    from lastgasp.ring.encoder import Table

PIECE = 4096  # the kernel fills about a page per read and lets the target run in between
ROWS = 24  # mappings written per process, the largest; the others are summed up
MIN_KB = 32  # smaller ones are among the others
REST = 1000  # times as long as the reading took

OTHERS = b"[others]"
READING = (b"readings", b"areas", b"listed", b"complete", b"read_us")


class Mappings:
    """All of tier 3."""

    def __init__(self, processes: "Processes", interval_s: int, budget_ms: int) -> None:
        """A process is read every ``interval_s`` at most, for ``budget_ms`` at most."""
        self.processes = processes
        self.interval_s = interval_s
        self.budget_ms = budget_ms
        self.readings = 0
        encoder = self.encoder = processes.encoder
        self._readings = encoder.table(b"mappings", READING)
        self._table = encoder.table(b"mapping", pid_smaps.COLUMNS)

    def read_one(self, now_ms: int) -> None:
        """Of those that grew in the last scan, read the one that grew most among those that may be read."""
        best = 0, 0, 0
        for grown in self.processes.grown:
            if grown > best and self.processes.allow_mappings(grown[1], now_ms // 1000):
                best = grown
        if best[1]:
            self.read(best[1], best[2], now_ms)

    def read(self, pid: int, pages: int, now_ms: int) -> None:
        """Read and write the mappings of a process that has so many anonymous pages now."""
        began = time.monotonic_ns()
        summary, complete = self._read_smaps(pid, began)
        took_us = (time.monotonic_ns() - began) // 1000
        rest_s = took_us * REST // 1_000_000
        key = self.processes.mappings_read(pid, pages, now_ms // 1000 + max(self.interval_s, rest_s))
        if not summary.totals:
            return
        largest = sorted(summary.totals.items(), key=_by_rss, reverse=True)
        listed = [item for item in largest[:ROWS] if item[1][1] >= MIN_KB]
        others = [0] * len(pid_smaps.COLUMNS)
        for _, sums in largest[len(listed) :]:
            others = [a + b for a, b in zip(others, sums, strict=True)]
        listed.append((OTHERS, others))
        self.readings += 1  # so that a reading that found nothing new is told all the same
        self._put(self._readings, key, (self.readings, summary.mappings, len(summary.totals), complete, took_us))
        written = set()
        for name, sums in listed:
            ident = key + b" " + name
            written.add(ident)
            self._put(self._table, ident, tuple(sums))
        # What is no longer among the largest must not seem to last.
        prefix = key + b" "
        for row in list(self._table.rows):
            if isinstance(row, bytes) and row.startswith(prefix) and row not in written:
                self.encoder.gone(now_ms, self._table, row, row, [])

    def _put(self, table: "Table", key: bytes, values: tuple[int, ...]) -> None:
        if not self.encoder.update(table, key, values):
            self.encoder.introduce(table, key, key, b"", values)

    def _read_smaps(self, pid: int, began_ns: int) -> tuple[pid_smaps.Summary, bool]:
        """What could be read within the budget, and whether that was all."""
        summary = pid_smaps.Summary()
        try:
            fd = posix.open(self.processes.proc + b"%d/smaps" % pid, posix.O_RDONLY | posix.O_CLOEXEC)
        except OSError:
            return summary, False
        try:
            while (time.monotonic_ns() - began_ns) < self.budget_ms * 1_000_000:
                piece = posix.read(fd, PIECE)
                if not piece:
                    return summary, True
                summary.feed(piece)
        except OSError:
            pass
        finally:
            files.close(fd)
        return summary, False


def _by_rss(item: tuple[bytes, list[int]]) -> int:
    return item[1][1]
