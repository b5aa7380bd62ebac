"""/proc/buddyinfo (mm/vmstat.c): free blocks of 2**order pages, by node and zone."""

from lastgasp.proc.text import lines, number


def parse(raw: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
    """Rows "node zone" (b"0 Normal") with their counts by order, the smallest first."""
    rows = []
    for line in lines(raw):
        words = line.replace(b",", b" ").split()
        if len(words) > 4 and words[0] == b"Node" and words[2] == b"zone":
            try:
                rows.append((words[1] + b" " + words[3], tuple([number(word) for word in words[4:]])))
            except ValueError:
                continue
    return rows
