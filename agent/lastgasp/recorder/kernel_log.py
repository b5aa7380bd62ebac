"""/dev/kmsg: OOM reports whole and at once, other grave messages within bounds.

A report begins with a line that ``proc.kmsg`` knows and lasts until LINGER_US after the last such line, by the
kernel's clock; everything the kernel says in between is kept as it came, interleaved or not. Under a storm of
reports the first FULL_REPORTS of an hour are kept whole, of the others only the lines that say who and why; and so is
what comes behind REPORT_LIMIT, which no report reaches, but a driver that shouts while memory is short does.
"""

import posix

from lastgasp.proc import kmsg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.ring.encoder import Encoder

RECORD_LIMIT = 8192  # the kernel refuses a smaller buffer than a record needs (CONSOLE_EXT_LOG_MAX before 6.3)
BATCH = 1500  # bytes of records in one ring record
DRAIN = 400  # records read before others get their turn
LINGER_US = 2_000_000
FULL_REPORTS = 12
REPORT_LIMIT = 256 * 1024  # bytes of text: a table of 2,500 tasks
SIGNS = 3 * FULL_REPORTS  # so many readings in an hour that found an OOM report or kill are written at once
OTHER_LINES = 60  # an hour, of grave messages that belong to no report
HEADLINES = (
    b"invoked oom-killer",
    b"oom-kill:",
    b"Killed process",
    b"Out of memory",
    b"oom_reaper:",
    b"panic",
)
HOUR_US = 3_600_000_000
ENODATA = 61


class KernelLog:
    """Reads new records when told to; ``fd`` is for poll(), -1 when the log is absent (``errno``)."""

    def __init__(self, encoder: "Encoder", level: int, path: bytes = b"/dev/kmsg") -> None:
        """``level``: records of this level or graver are kept outside of reports (0 emerg … 7 debug, -1 none)."""
        self.encoder = encoder
        self.level = level
        self.fd = -1
        self.errno = 0
        self.reports = 0  # OOM reports begun
        self.missed = 0  # times that the kernel overwrote records before they were read
        self.since_us = 0  # older records are of no interest
        self.caught_up = False  # what was there at the start has been read: what comes now is news
        self._reporting_until_us = -1
        self._full = True
        self._size = 0  # bytes kept of this report
        self._hour_began_us = 0
        self.signs_this_hour = self.reports_this_hour = self._lines_this_hour = 0
        try:
            self.fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
        except OSError as error:
            self.errno = error.errno or 0

    def read(self, now_ms: int) -> bool:
        """Take new records. True when an OOM report begins or kills among them."""
        if self.fd < 0:
            return False
        reported = False
        batch: list[bytes] = []
        size = 0
        for _ in range(DRAIN):
            try:
                record = posix.read(self.fd, RECORD_LIMIT)
            except BlockingIOError:
                self.since_us = 0
                self.caught_up = True
                break
            except BrokenPipeError:
                self.missed += 1
                continue
            except OSError as error:
                self.errno = error.errno or 0
                break
            if not record:  # no kernel log, but what somebody put in its place
                self.errno = ENODATA
                break
            self.errno = 0
            parts = kmsg.split(record)
            if parts is None or parts[2] < self.since_us:
                continue
            wanted, begins = self._judge(*parts)
            reported = reported or begins
            if wanted:
                line = record.partition(b"\n")[0]
                if size + len(line) > BATCH and batch:
                    self.encoder.kmsg(now_ms, batch)
                    batch, size = [], 0
                batch.append(line[:BATCH])
                size += len(line)
        if batch:
            self.encoder.kmsg(now_ms, batch)
        self.signs_this_hour += reported
        return reported

    def _judge(self, level: int, _: int, at_us: int, text: bytes, facility: int) -> tuple[bool, bool]:
        """Is this record wanted, and is it one that an OOM report begins or kills with?"""
        if at_us - self._hour_began_us > HOUR_US:
            self._hour_began_us = at_us
            self.signs_this_hour = self.reports_this_hour = self._lines_this_hour = 0
        begins = not facility and kmsg.begins_oom(text)  # processes may write there what they like
        if begins:
            if at_us > self._reporting_until_us or b"invoked oom-killer" in text:
                self.reports += 1
                self.reports_this_hour += 1
                self._full = self.reports_this_hour <= FULL_REPORTS
                self._size = 0
            self._reporting_until_us = at_us + LINGER_US
        if at_us <= self._reporting_until_us:
            self._size += len(text)
            whole = self._full and self._size <= REPORT_LIMIT
            return whole or any(mark in text for mark in HEADLINES), begins
        if level <= self.level and self._lines_this_hour < OTHER_LINES:
            self._lines_this_hour += 1
            return True, False
        return False, False
