"""What a trace by ``strace -f -y`` says of the agent: system calls per sample and per file read. Pure.

The calls between two waits are a turn of its loop; a turn that opens /proc/PID/stat of anyone is a sample. A file
is read through a descriptor of its own (open, read, close) or through one that is kept (pread from offset 0).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

CALL = re.compile(r"(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?)(?:<(?P<path>.*?)>)?")
DESCRIPTOR = re.compile(r"(?P<fd>\d+)<(?P<path>.*?)>")
PROCESS_STAT = re.compile(r"/proc/\d+/stat")
WAITS = ("poll", "ppoll", "epoll_wait", "epoll_pwait", "select", "pselect6", "clock_nanosleep")
READS = ("read", "pread64", "readv", "preadv")
OPENS = ("open", "openat")


@dataclass(slots=True)
class Turn:
    """The calls of one turn of the loop."""

    calls: Counter[str] = field(default_factory=Counter)
    files: int = 0  # read, as a whole
    file_calls: int = 0  # all calls on those files
    processes: set[str] = field(default_factory=set)  # whose stat was read


def turns(lines: Iterable[str]) -> Iterator[Turn]:
    """The turns that took a sample, complete ones only: what comes before the first wait is the start."""
    turn: Turn | None = None
    files: set[str] = set()  # descriptors opened in this turn
    for line in lines:
        match = CALL.match(line)
        if not match:
            continue
        name = match["name"]
        if name in WAITS:
            if turn is not None and turn.processes:
                yield turn
            turn, files = Turn(), set()
        if turn is not None:
            turn.calls[name] += 1
            _count(turn, files, match)


def _count(turn: Turn, files: set[str], match: re.Match[str]) -> None:
    name, arguments, result = match["name"], match["arguments"], match["result"]
    if name in OPENS:
        if not result.lstrip("?").startswith("-") and "O_DIRECTORY" not in arguments:
            files.add(result)
            turn.files += 1
            turn.file_calls += 1
            if PROCESS_STAT.fullmatch(match["path"] or ""):
                turn.processes.add(match["path"])
        return
    of = DESCRIPTOR.match(arguments)
    if of is None:
        return
    if of["fd"] in files:
        turn.file_calls += 1
        if name == "close":
            files.discard(of["fd"])
    elif name in READS and of["path"].startswith(("/proc/", "/sys/")):
        turn.files += name == "pread64" and arguments.rstrip().endswith(" 0")
        turn.file_calls += 1
