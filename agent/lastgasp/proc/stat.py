"""/proc/stat (fs/proc/stat.c): clock ticks of all CPUs by kind, and counts since boot.

Idle time is left out: it is elapsed time x CPUs minus the rest.
"""

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
    found: dict[bytes, int | None] = {}
    try:
        first, _, _ = raw.partition(b"\n")
        ticks = [int(word) for word in first.split()[1:9]]
    except ValueError:
        ticks = []
    ticks += [None] * (8 - len(ticks))  # type: ignore[list-item]
    # The counts follow the very long intr line; each begins a line.
    for name in COLUMNS[7:]:
        at = raw.rfind(b"\n" + name + b" ")
        try:
            found[name] = int(raw[at + len(name) + 2 :].split(None, 1)[0]) if at >= 0 else None
        except (ValueError, IndexError):
            found[name] = None
    return (*ticks[:3], *ticks[4:], *[found[name] for name in COLUMNS[7:]])


def cpus(lines: "Iterable[bytes]") -> int:
    """CPUs online."""
    return sum([line.startswith(b"cpu") and line[3:4].isdigit() for line in lines])
