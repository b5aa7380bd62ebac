"""Any input: no exception, bounded results, work in proportion to the input. LASTGASP_LONG=1: a million lines."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable
from types import FrameType

import pytest

from lastgasp.oom.parser import Parser, parse
from lastgasp.oom.report import Report
from oom.logs import KERNEL_LOGS, LOGS
from oom.prefixes import FORMS, raw_lines

LONG = bool(os.environ.get("LASTGASP_LONG"))
LINES = 1_000_000 if LONG else 40_000
WRITTEN = [path.read_bytes().splitlines(keepends=True) for path in sorted((LOGS / "written").glob("*.txt"))]
TEXTS = [name for name in KERNEL_LOGS if name.endswith((".txt", ".kmsg"))]
BLOCKS = WRITTEN + [(LOGS / name).read_bytes().splitlines(keepends=True)[-120:] for name in TEXTS]
WORDS = [
    b" invoked oom-killer: ",
    b"Killed process ",
    b"Mem-Info:",
    b"[  pid  ]   uid  tgid total_vm",
    b"oom-kill:constraint=",
    b"Tasks in ",
    b"oom_reaper: reaped process 95 (x), now anon-rss:",
    b"Kernel panic - not syncing: Out of memory",
    b"Memory cgroup stats for ",
    b"Unreclaimable slab info:",
    b"sending SIGTERM to process ",
    b"Kill 'x' (1), ",
    b"lowmemorykiller: Killing 'x' (1), adj 9,",
    b"[    9.245478] ",
    b"4,1,9245478,+;",
    b"host kernel: ",
    b"Mar  3 10:00:01 ",
    b"99999999999999999999999",
    b"\x1b[31m",
    b"[T12] ",
    b"\\x0a",
    b"name",
    b"<4>",
    b"kB",
    *(bytes((char,)) for char in b"-()\n\r\0 "),
]


def mutated(chance: random.Random) -> list[bytes]:
    """One log, or pieces of two, with some of its lines harmed."""
    lines = list(chance.choice(BLOCKS))
    if chance.random() < 0.3:
        form = chance.choice(sorted(FORMS))
        lines = list(FORMS[form](raw_lines(b"".join(lines)))) or lines
    if chance.random() < 0.3:
        other = chance.choice(BLOCKS)
        at, start = chance.randrange(len(lines)), chance.randrange(len(other))
        lines[at:at] = other[start : start + chance.randrange(60)]
    for _ in range(chance.randrange(1, 30)):
        at = chance.randrange(len(lines))
        lines[at] = harmed(chance, lines[at])
        if chance.random() < 0.1:
            lines.insert(chance.randrange(len(lines)), lines[at])
        if chance.random() < 0.1 and len(lines) > 1:
            del lines[at]
    return lines


def harmed(chance: random.Random, line: bytes) -> bytes:
    start = chance.randrange(len(line) + 1)
    end = min(len(line), start + chance.choice((0, 1, 1, 2, 5, 20, 400)))
    kind = chance.randrange(5)
    if kind == 0:
        return line[:start]
    if kind == 1:
        return line[:start] + line[end:]
    if kind == 2:
        return line[:start] + chance.randbytes(end - start) + line[end:]
    if kind == 3:
        return line[:start] + chance.choice(WORDS) * chance.choice((1, 1, 1, 2, 300)) + line[end:]
    return line[:start] + line[start:end] * 3 + line[end:]


def sane(report: Report) -> None:
    assert 0 < report.recognised <= report.lines
    assert len(report.unknown) <= 20 and all(len(line) <= 512 for line in report.unknown)
    assert report.place.first_line <= report.place.last_line
    assert repr(report)
    assert report.page_kb is None or report.page_kb > 0
    for task in report.tasks or []:
        assert isinstance(task.pid, int) and isinstance(task.name, bytes)
    for victim in report.victims:
        assert isinstance(victim.pid, int) and isinstance(victim.name, bytes)


def test_mutated_logs_raise_nothing(record_property: Callable[[str, object], None]) -> None:
    seed = int(os.environ.get("LASTGASP_SEED", random.randrange(1 << 32)))
    print(f"LASTGASP_SEED={seed}")
    chance = random.Random(seed)
    fed = found = 0
    while fed < LINES:
        lines = mutated(chance)
        fed += len(lines)
        for report in parse(lines):
            sane(report)
            found += 1
    record_property("counted: mutated lines through the parser of OOM reports", fed)
    assert found > LINES // 200


def test_what_only_looks_like_a_beginning_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that found one without a line."""
    monkeypatch.setenv("LASTGASP_SEED", "3248419022")
    test_mutated_logs_raise_nothing(lambda *_: None)


def test_bytes_that_are_no_log_raise_nothing() -> None:
    seed = int(os.environ.get("LASTGASP_SEED", random.randrange(1 << 32)))
    print(f"LASTGASP_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(20_000 if LONG else 500):
        lines = [chance.choice(WORDS) + chance.randbytes(chance.randrange(60)) for _ in range(10)]
        for report in parse(lines):
            sane(report)


def calls(lines: Iterable[bytes]) -> int:
    """How many functions, the interpreter's included, are called on the way."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    parser = Parser()
    sys.setprofile(counted)
    try:
        for line in lines:
            parser.feed(line)
        parser.close()
    finally:
        sys.setprofile(None)
    return count


BLOCK = next(block for block in BLOCKS if any(b"leaker invoked" in line for line in block))
ROW = next(line for line in BLOCK if (b"leaker\n" in line and b"[     95]" in line) or b" leaker\n" in line)


@pytest.mark.parametrize(
    "repeated",
    [
        BLOCK,  # many reports
        [BLOCK[0], b"x\n"],  # nothing in it
        [ROW],
        [b"[    9.2] x%d: some other line\n" % number for number in range(20)],
        [b"[    9.2] a invoked oom-killer: gfp_mask=0xd0, order=0\n"],
        [b"[    9.2] Out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB\n"],
        [b"[    9.2] Out of memory: Killed process 1 (a\n"],
        [b"[    9.2] Memory cgroup stats for /a:\n", b"[    9.2] anon 1\n", b"[    9.2] file 1\n"],
        [b"[    9.2] DMA: 1*4kB\n"],
        [b"[    9.2] half [    9.2] half\n"],
    ],
)
@pytest.mark.parametrize("within", [[], BLOCK[-20:-4]])
def test_ten_times_the_lines_are_ten_times_the_work(repeated: list[bytes], within: list[bytes]) -> None:
    few = calls([*within, *(repeated * (600 // len(repeated)))])
    many = calls([*within, *(repeated * (6000 // len(repeated)))])
    assert many < 13 * few


@pytest.mark.parametrize("word", WORDS)
def test_a_line_of_a_word_a_thousand_times_ends(word: bytes) -> None:
    """Patterns that try all ways to divide a line would not."""
    for head in (b"", b"[    9.2] ", b"[    9.2] [   12] ", b"[    9.2] Killed process 1 (", b"[    9.2] oom-kill:"):
        for report in parse([*BLOCK[:-4], head + word * 1000, *BLOCK[-4:], head + word * 1000]):
            sane(report)
