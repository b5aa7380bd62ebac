"""/proc/stat (fs/proc/stat.c): clock ticks of all CPUs by kind, and counts since boot.

Idle time is left out: it is elapsed time x CPUs minus the rest.
"""

from lastgasp.proc.text import maybe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = (
    b"user",
    b"nice",
    b"system",
    b"iowait",
    b"irq",
    b"softirq",
    b"steal",
    b"ctxt",
    b"processes",
    b"procs_running",
    b"procs_blocked",
)


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Values of COLUMNS. ``processes`` counts clone() calls, threads too: while it stands still nobody was born."""
    first, newline, _ = raw.partition(b"\n")
    words = first.split() if newline and first.startswith(b"cpu ") else []
    ticks = [maybe(words[i]) if i < len(words) else None for i in (1, 2, 3, 5, 6, 7, 8)]
    return (*ticks, *[_count(raw, b"\n" + name + b" ") for name in COLUMNS[7:]])


def _count(raw: bytes, start: bytes) -> int | None:
    """The number on the line that begins so. These follow the very long intr line."""
    at = raw.rfind(start)
    end = raw.find(b"\n", at + 1)
    return maybe(raw[at + len(start) : end]) if at >= 0 and end >= 0 else None


def cpus(lines: "Iterable[bytes]") -> int:
    """CPUs online."""
    return sum([line.startswith(b"cpu") and line[3:4].isdigit() for line in lines])
