"""/proc/pressure/{memory,io,cpu,irq} (kernel/sched/psi.c, since 4.20): microseconds stalled since boot.

The averages in these files are the kernel's own digest of the totals; ours comes from the totals.
"""

from lastgasp.proc.text import lines, maybe


def parse(raw: bytes) -> tuple[int | None, int | None]:
    """Microseconds that some tasks, and that all non-idle tasks (full), were stalled.

    Before 5.13 cpu has no full line; irq (since 6.1, CONFIG_IRQ_TIME_ACCOUNTING) has no some line.
    """
    some = full = None
    for line in lines(raw):
        kind, _, rest = line.partition(b" ")
        value = maybe(rest.rpartition(b"total=")[2])
        if kind == b"some":
            some = value
        elif kind == b"full":
            full = value
    return some, full
