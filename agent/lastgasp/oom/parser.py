"""Reports out of a log's lines: ``Parser`` for a stream, ``parse`` for lines at hand.

What comes out are kernel reports, kill lines and panics without a report (they are rate-limited), refusals by
overcommit, and kills by user-space killers, in the order of their first lines. A report comes once nothing more can
belong to it: ten seconds of the kernel's clock or some hundred lines after its end, since the oom_reaper's word comes
late. Nothing is keyed on a kernel's version. No input raises; work is linear in the input, and memory is bounded: of
one report at most MOST_TASKS rows, at most MOST_OPEN reports at a time.

Lines of several reports are told apart by the host and the caller's tag where the log has these, else by their order.
A line that is cut, or has other output in it, costs itself; a line of something else in the middle of a report counts
in ``lines`` and stands in ``unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lastgasp.oom import gfp, parse_header, parse_kill, parse_memcg, parse_meminfo, parse_tasks, userspace
from lastgasp.oom.block import MOST_UNKNOWN, Block, Section
from lastgasp.oom.lines import Lines
from lastgasp.oom.log import Line, split
from lastgasp.oom.report import Place, Report

MOST_OPEN = 8
LATE_US = 10_000_000  # after a report's end, the oom_reaper may still speak of it
GAP_US = 20_000_000  # an unfinished report is over if nothing of it comes for so long
BACK_US = 5_000_000  # a clock that goes back so far is another boot's
LATE_LINES = 500
GAP_LINES = 2_000
REBOOT = b"Linux version "
SYSRQ_US = 2_000_000  # from the request by hand to the report
SYSRQ_LINES = 64
NEXT = re.compile(rb"(?:<\d>)?\[ {0,9}\d{1,10}\.\d{6}\](?:\[ {0,9}[TC]\d{1,10}\])? ")
# What no line lacks with which something begins, and none that is no plain line. One search for each is faster than
# one for all.
BEGINNINGS = (b"oom", b"OOM", b"emory", b"ill", b"SIG", b"mem avail", b"PID:", b"[  pid  ]", b"[ pid ]")
HINTS = (*BEGINNINGS, b" [s=", b"\0", b"data: {")


class Parser:
    """Feed it a log's lines; it gives what is finished."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._open: list[Block] = []
        self._number = 0
        self._line = 0  # the number of the one in work
        self._taken = 0  # how many were
        self._sysrq: tuple[int, int | None] | None = None
        self._before = Line(b"")
        self._killers = userspace.Killers()

    def feed(self, line: bytes) -> list[Report]:
        """Take the next line; the reports that are finished by now."""
        self._number += 1
        if not self._open and not self._killers.pending and self._lines.skips(line):
            for hint in HINTS:
                if hint in line:
                    break
            else:
                self._lines.skip(line)
                return []
        for number, whole in self._lines.feed(self._number, line):
            self._take(number, whole)
        return self._finished()

    def close(self) -> list[Report]:
        """The log ends: what is left."""
        for number, whole in self._lines.end():
            self._take(number, whole)
        for block in self._open:
            block.finished = True
        self._add(self._killers.end())
        return self._finished()

    def _finished(self) -> list[Report]:
        done = []
        while self._open and (self._open[0].finished or len(self._open) > MOST_OPEN):
            block = self._open.pop(0)
            report = block.report
            if not report.recognised:
                continue  # a line looked like the beginning of one, and was none
            del report.unknown[block.known_unknown :]
            if report.gfp_flags is None and report.gfp_mask is not None:
                report.gfp_flags = gfp.decode(report.gfp_mask, report.kernel)
            report.place = replace(report.place, last_line=block.last_line)
            done.append(report)
        return done

    def _take(self, number: int, line: Line) -> None:
        self._line = number
        self._taken += 1
        self._age(line)
        if self._of_user_space(line) or not line.kernel:
            return
        if not self._whole(line):
            if b"\n" not in line.text:
                self._piece(line)
            else:
                for piece in line.text.split(b"\n"):
                    self._piece(replace(line, text=piece))
        self._before = line

    def _whole(self, line: Line) -> bool:
        """A record with newlines in it may be one line with an odd name in it: try it as a whole first."""
        if b"\n" not in line.text:
            return False
        blocks = [block for block in self._open if not block.report.complete]
        text = line.text
        odd = text.startswith(b"[") or parse_kill.begins(text) or parse_header.INVOKED in text or b" Comm: " in text
        if odd and (blocks or parse_header.begin(text) >= 0 or parse_kill.begins(text)):
            self._piece(line)
            return True
        return False

    def _piece(self, line: Line) -> None:
        text = line.text
        if text.startswith(REBOOT):
            for block in self._open:
                block.finished = block.finished or block.of_host(line)
            return
        if parse_header.begin(text) >= 0:
            self._begin(line)
            return
        if parse_kill.SYSRQ.match(text):
            self._sysrq = self._line, line.uptime_us
            return
        if text.startswith(b"oom_reaper:"):
            owner = parse_kill.reaped(text, [block for block in self._open if block.of_host(line)])
            if owner:
                self._count(owner, line, True)
            return
        if refusal := parse_kill.refused(text):
            block = self._new(line)
            block.report.refusal = refusal
            block.report.complete = block.finished = True
            self._count(block, line, True)
            return
        block_or_none = self._owner(line)
        if block_or_none is None:
            if parse_kill.begins(text) or parse_tasks.is_heading(text):
                block_or_none = self._new(line)
            else:
                return
        self._read(block_or_none, line)

    def _begin(self, line: Line) -> None:
        """A first line: what is open of the same caller, and not complete, ends here. Printed twice, it is one."""
        newest = self._open[-1] if self._open else None
        if newest and newest.lines == 1 and newest.said == (line.text, line.uptime_us) and not newest.excludes(line):
            return
        for block in self._open:
            if block.of_host(line) and (block.caller == line.caller or line.caller is None):
                block.finished = block.finished or not block.report.complete
        text = line.text
        before = self._before
        if before.uptime_us is not None and before.uptime_us == line.uptime_us and _who(before) == _who(line):
            joined = before.text + b"\n" + text
            if 0 < parse_header.begin(joined) <= parse_header.COMM and b" " not in before.text:
                text = joined  # a newline in the name
        block = self._new(line)
        parse_header.begins(text, block)
        block.said = line.text, line.uptime_us
        if self._sysrq and self._line - self._sysrq[0] <= SYSRQ_LINES:
            asked = self._sysrq[1]
            if asked is None or line.uptime_us is None or line.uptime_us - asked <= SYSRQ_US:
                block.report.sysrq = True
        self._sysrq = None
        self._count(block, line, True)

    def _new(self, line: Line) -> Block:
        block = Block(Report(Place(self._line, self._line, line.uptime_us, line.wall)), *_who(line), line.prefixed)
        self._open.append(block)
        return block

    def _owner(self, line: Line) -> Block | None:
        """The report that this line would belong to."""
        for block in reversed(self._open):
            if block.finished or block.excludes(line):
                continue
            if block.report.complete and self._begins_another(block, line.text):
                continue
            return block
        return None

    @staticmethod
    def _begins_another(block: Block, text: bytes) -> bool:
        """Whether a kill line after a report's end is of another, whose report was not printed."""
        if block.held is not None or not parse_kill.begins(text):
            return False
        if (match := parse_kill.KILLED.match(text)) and any(
            victim.pid == int(match[2]) and victim.name == match[4] for victim in block.report.victims
        ):
            return False  # with memory.oom.group the victim's line comes twice
        if block.report.group_kill is not None and parse_kill.KILLED_CUT.match(text):
            return False
        if block.said[0] == text:
            return False  # each line of the log is there twice
        return not (block.report.no_killable and block.report.panic is None and text.startswith(b"Kernel panic"))

    def _read(self, block: Block, line: Line) -> None:
        text = line.text
        if block.held is not None and not block.held.startswith(b"free "):
            held, block.held = block.held + b"\n" + text, None
            if not parse_kill.begins(text) and parse_kill.read(held, block) and block.held is None:
                self._count(block, line, True)
                return
            block.held = None
        if self._readers(block, text):
            self._count(block, line, True)
            if block.report.complete:
                block.said = text, line.uptime_us
        elif block.anothers:
            block.anothers, block.finished = False, True
            other = self._new(line)
            other.columns = block.columns
            self._read(other, line)
        elif block.report.complete:
            if block.report.panic is not None and parse_header.after_panic(text):
                self._count(block, line, True)
        elif text.strip() == b"":
            return
        elif block.section == Section.TASKS and block.row_line == self._taken - 1 and self._goes_on(block, line):
            block.row_line = self._taken
            self._count(block, line, True)
        elif self._mixed(line):
            return
        elif line.prefixed or not block.prefixed:
            self._count(block, line, False)

    def _readers(self, block: Block, text: bytes) -> bool:
        if block.report.complete:
            return parse_kill.read(text, block)
        return (
            parse_tasks.read(text, block, self._taken)
            or parse_kill.read(text, block)
            or parse_meminfo.read(text, block)
            or parse_memcg.read(text, block)
            or parse_header.read(text, block)
        )

    @staticmethod
    def _goes_on(block: Block, line: Line) -> bool:
        if line.prefixed != block.prefixed or (line.uptime_us is not None and line.uptime_us != block.uptime_us):
            return False
        return parse_tasks.goes_on(line.text, block)

    def _mixed(self, line: Line) -> bool:
        """A cut line with another behind it: the kernel's clock stands in its middle."""
        starts = [match.start() for match in NEXT.finditer(line.text)]
        if not starts:
            return False
        self._piece(replace(split(line.text[starts[-1] :]), host=line.host))
        return True

    def _count(self, block: Block, line: Line, known: bool) -> None:
        lines = 1 + line.text.count(b"\n")
        block.lines += lines
        if known:
            block.report.lines = block.lines
            block.report.recognised += lines
            block.known_unknown = len(block.report.unknown)
            block.last_line = self._line
            block.quiet = 0
            if line.uptime_us is not None:
                block.uptime_us = line.uptime_us
        elif len(block.report.unknown) < MOST_UNKNOWN:
            block.report.unknown.append(line.text[:512])

    def _age(self, line: Line) -> None:
        for block in self._open:
            if not block.of_host(line):
                continue
            block.quiet += 1
            complete = block.report.complete
            if block.quiet > (LATE_LINES if complete else GAP_LINES):
                block.finished = True
            if line.uptime_us is not None and block.uptime_us is not None:
                passed = line.uptime_us - block.uptime_us
                if passed > (LATE_US if complete else GAP_US) or passed < -BACK_US:
                    block.finished = True

    def _of_user_space(self, line: Line) -> bool:
        ended, taken = self._killers.read(line, self._line)
        self._add(ended)
        return taken

    def _add(self, reports: list[Report]) -> None:
        for report in reports:
            last = report.place.first_line + report.lines - 1
            self._open.append(Block(report, last_line=last, finished=True))


def _who(line: Line) -> tuple[bytes | None, bytes | None]:
    return line.caller, line.host


def parse(lines: Iterable[bytes]) -> Iterator[Report]:
    """All reports of a log."""
    parser = Parser()
    for line in lines:
        yield from parser.feed(line)
    yield from parser.close()
