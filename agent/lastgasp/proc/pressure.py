"""/proc/pressure/{memory,io,cpu,irq} (kernel/sched/psi.c, since 4.20): microseconds stalled since boot.

The averages in these files are the kernel's own digest of the totals; ours comes from the totals.
"""


def parse(raw: bytes) -> tuple[int | None, int | None]:
    """Microseconds that some tasks, and that all non-idle tasks (full), were stalled.

    Before 5.13 cpu has no full line; irq (since 6.1) has no some line.
    """
    some = full = None
    for line in raw.splitlines():
        at = line.rfind(b"total=")
        if at < 0:
            continue
        try:
            value = int(line[at + 6 :])
        except ValueError:
            continue
        if line.startswith(b"some"):
            some = value
        elif line.startswith(b"full"):
            full = value
    return some, full
