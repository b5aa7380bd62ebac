"""/proc/loadavg (fs/proc/loadavg.c): "0.20 0.18 0.12 1/80 11206"."""

COLUMNS = (b"load1_percent", b"load5_percent", b"load15_percent", b"tasks")


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Load averages in hundredths, and how many tasks (threads) there are."""
    words = raw.split()
    try:
        loads = [int(word.replace(b".", b"")) for word in words[:3]]
        return (*loads, int(words[3].partition(b"/")[2]))
    except (ValueError, IndexError):
        return (None, None, None, None)
