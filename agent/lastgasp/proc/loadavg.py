"""/proc/loadavg (fs/proc/loadavg.c): "0.20 0.18 0.12 1/80 11206"."""

from lastgasp.proc.text import maybe, words

COLUMNS = (b"load1_percent", b"load5_percent", b"load15_percent", b"tasks")


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Load averages in hundredths, and how many tasks (threads) there are."""
    found = words(raw)
    if len(found) < 4:
        return (None, None, None, None)
    return (*[maybe(word.replace(b".", b"")) for word in found[:3]], maybe(found[3].partition(b"/")[2]))
