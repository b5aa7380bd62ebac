"""What /proc says of one process that is measured. Raises OSError when it is gone."""

from __future__ import annotations

import os
from pathlib import Path

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def private_dirty(pid: int) -> int:
    """Bytes of memory that are this process's alone and nowhere on disk (smaps_rollup, Linux 4.14)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        words = line.split()
        if words[0] == "Private_Dirty:":
            return int(words[1]) * 1024
    raise OSError(f"/proc/{pid}/smaps_rollup has no Private_Dirty")


def private_dirty_by_mapping(pid: int) -> dict[str, int]:
    """The same, in bytes by what is mapped: a file's name, [heap], [stack], or [anonymous]."""
    sums: dict[str, int] = {}
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split(None, 5)
        if not words[0].endswith(":"):
            name = os.path.basename(words[5]) if len(words) > 5 else "[anonymous]"
        elif words[0] == "Private_Dirty:":
            sums[name] = sums.get(name, 0) + int(words[1]) * 1024
    return sums


def cpu_ns(pid: int) -> int:
    """CPU time, user and system, of a process of one thread.

    ``schedstat`` (CONFIG_SCHED_INFO) counts in ns what ``stat`` rounds to ticks of 10 ms, a tenth of what the agent
    uses in a window; a process with more threads, or a kernel without it, gets the ticks.
    """
    if len(os.listdir(f"/proc/{pid}/task")) == 1:
        try:
            return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            pass
    return cpu_ticks(pid) * TICK_NS


def cpu_ticks(pid: int) -> int:
    """User and system time of all threads, in clock ticks."""
    words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return int(words[11]) + int(words[12])


def processes() -> int:
    """How many there are, kernel threads included."""
    return sum(name.isdigit() for name in os.listdir("/proc"))
