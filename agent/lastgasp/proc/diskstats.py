"""/proc/diskstats (block/genhd.c): I/O of block devices since boot. ``busy_ms`` wraps round after 49 days."""

from lastgasp.proc.text import lines, number

COLUMNS = (b"reads", b"sectors_read", b"writes", b"sectors_written", b"busy_ms")


def parse(raw: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
    """Rows by device name with the values of COLUMNS (a sector is 512 bytes); devices never used are left out."""
    rows: list[tuple[bytes, tuple[int, ...]]] = []
    for line in lines(raw):
        words = line.split(None, 13)
        if len(words) < 13 or (words[3] == b"0" and words[7] == b"0"):
            continue
        try:
            rows.append((words[2], tuple([number(words[i]) for i in (3, 5, 7, 9, 12)])))
        except ValueError:
            continue
    return rows
