"""The logs of real kernels in ../oomlogs, and what was seen of the same processes from outside.

armhf is Linux 6.1, armhf5.10, armhf6.12 and armhf7.2 what they say, arm64 6.1, x86 6.18; all but the last are Debian's
kernels in an emulator with 96 to 512 MB. A .snap file holds samples of all processes before and after the report. Of
most logs the boot before the report was cut off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lastgasp.oom.parser import parse
from lastgasp.oom.report import Report

LOGS = Path(__file__).parents[1] / "oomlogs"
KERNEL_LOGS = sorted(path.name for path in LOGS.iterdir() if path.suffix in (".txt", ".kmsg", ".pstore", ".bin"))
SNAPS = sorted(path.name for path in LOGS.glob("*.snap"))


@dataclass(frozen=True)
class Process:
    """One row of a .snap file."""

    pid: int
    name: bytes
    oom_score_adj: int
    rss_kb: int
    anon_kb: int
    swap_kb: int
    size_kb: int


ROW = re.compile(
    rb"(\d+) \d+ \d+ \d+ (.*) -?\d+ (-?\d+) (\d+) (\d+) \d+ \d+ (\d+) \d+ (\d+) \d+ \d+$",
    re.S,
)


def reports(name: str) -> list[Report]:
    return list(parse((LOGS / name).read_bytes().splitlines(keepends=True)))


def samples(name: str) -> tuple[list[dict[int, Process]], list[dict[int, Process]]]:
    """All samples before the report, and all after it: processes by pid."""
    before: list[dict[int, Process]] = []
    after: list[dict[int, Process]] = []
    for part in (LOGS / name).read_bytes().split(b"## SAMPLE")[1:]:
        found = {}
        for line in part.splitlines():
            if match := ROW.match(line):
                adj, rss, anon, swap, size = (int(match[index]) for index in range(3, 8))
                found[int(match[1])] = Process(int(match[1]), match[2], adj, rss, anon, swap, size)
        (after if part.startswith(b" AFTER") else before).append(found)
    return before, after
