"""OOM reports out of whatever holds them: a text log read as a stream, or a recording's kernel messages."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import zip_longest
from typing import BinaryIO

from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.oom.kills import choices
from lastgasp.oom.parser import parse
from lastgasp.report import units
from lastgasp.report.oom.page import Explained, explain
from lastgasp.report.oom.recorded import Recorded, explained
from lastgasp.ring.format import MAGIC
from lastgasp.ring.scan import scan
from lastgasp.ring.source import GZIP_MAGIC, STDIN, SourceError, opened
from lastgasp.timeline.load import LoadError, NoRecording, decode, load
from lastgasp.timeline.model import Recording

PEEK = 1 << 20
ALIGNED = 512  # blocks begin at multiples of it, also in an image of a device


class NothingFound(LoadError):
    """It was read, and there is no OOM report in it."""


class NoReport(NothingFound):
    """A recording without any OOM report."""

    def __init__(self, text: str, recordings: list[Recording]) -> None:
        super().__init__(text)
        self.recordings = recordings


@dataclass(frozen=True, slots=True)
class Source:
    """What a path held. ``recordings``, and the facts of each, are empty where it was a text log."""

    found: list[Explained]
    recordings: list[Recording]
    facts: list[Facts]
    latest: list[int]  # places in ``found``: of a recording those of its last boot with any; of a log all


def read(path: str, without_report: bool = False, judged: bool = True) -> Source:
    """All reports of a log or a recording. Raises LoadError: nothing to read, or no report in it (NoReport).

    ``without_report``: a recording without a report will do. ``judged``: with the facts of a recording, which take most
    of the time.
    """
    try:
        source = _read(path, judged)
    except SourceError as error:
        raise LoadError(f"{path}: {error}") from None
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}") from None
    if not source.found and not without_report:
        messages = sum(len(boot.messages) for recording in source.recordings for boot in recording.boots)
        counted = units.count(messages, "kernel message")
        rings = units.count(len(source.recordings), "ring")
        why = f"no OOM report in this recording ({counted}, {rings}); what else it says: lastgasp report {path}"
        raise NoReport(f"{path}: {why}", source.recordings)
    return source


def recorded(path: str, not_in_a_log: str) -> list[Recording]:
    """The recordings in a path; of a text log is said what it lacks. Raises LoadError."""
    try:
        return load(path)
    except NoRecording:
        raise LoadError(f"{path}: not a recording; {not_in_a_log}") from None


def _read(path: str, judged: bool) -> Source:
    if path == STDIN:
        if sys.stdin is None:
            raise LoadError("-: standard input is closed")
        begin = _peek(sys.stdin.buffer)
        if _is_ring(begin):
            return _of_recordings(load(path), judged)
        if not begin.startswith(GZIP_MAGIC):
            return _of_log(sys.stdin.buffer, "standard input")
    else:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise LoadError(f"{path}: a folder; name one log or recording in it")
        if stat.S_ISCHR(mode):
            raise LoadError(f"{path}: a device, which has no end; try: dmesg | lastgasp oom -")
        if stat.S_ISFIFO(mode):
            with open(path, "rb") as pipe:
                return _of_log(pipe, path)
    with opened(path) as file:
        begin = file.read(PEEK)
        file.seek(0)
        if _is_ring(begin):
            scanned = scan(file)
            if scanned.blocks:
                return _of_recordings(decode(file, path, scanned), judged)
            file.seek(0)
        return _of_log(file, path)


def _peek(file: BinaryIO) -> bytes:
    """What stands at the beginning, left where it is."""
    return file.peek(1) if isinstance(file, BufferedReader) else b""


def _is_ring(begin: bytes) -> bool:
    at = begin.find(MAGIC)
    while at >= 0:
        if at % ALIGNED == 0:
            return True
        at = begin.find(MAGIC, at + 1)
    return False


def _of_log(file: BinaryIO, name: str) -> Source:
    counted = _Counted(file)
    found = [explain(report, choice, name) for report, choice in choices(parse(counted))]
    if not found:
        if not counted.lines:
            raise NothingFound(f"{name}: empty, so there is no OOM report in it")
        lines = units.count(counted.lines, "line")
        raise NothingFound(
            f"{name}: no OOM report in this log ({lines} read); is it the kernel's log (dmesg), and all of it?"
        )
    return Source(found, [], [], list(range(len(found))))


class _Counted:
    """Lines of a file, counted. A log without line ends is not read into memory as one."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.lines = 0

    def __iter__(self) -> Iterator[bytes]:
        while line := self.file.readline(1 << 16):
            self.lines += 1
            yield line


def _of_recordings(recordings: list[Recording], judged: bool) -> Source:
    facts = [gather(recording) for recording in recordings] if judged else []
    found: list[Explained] = []
    latest: list[int] = []
    for recording, gathered in zip_longest(recordings, facts):
        reports = list(explained(recording, gathered))
        latest += [len(found) + place for place in _latest(recording, reports)]
        found += [one.explained for one in reports]
    return Source(found, recordings, facts, latest)


def _latest(recording: Recording, reports: list[Recorded]) -> list[int]:
    """Places of those of the last boot that has any; of these those that were recorded as they came, if there are."""
    last = max((one.at.boot for one in reports), default=0)
    own = [place for place, one in enumerate(reports) if one.at.boot == last]
    seen = [place for place in own if reports[place].at.uptime_ms >= recording.boots[last - 1].first_ms]
    return seen or own
