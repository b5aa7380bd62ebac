"""/dev/kmsg (kernel/printk/printk.c, Documentation/ABI/testing/dev-kmsg): one record a read.

"6,339,5140900,-;text" and then, on lines that begin with a space, the record's dictionary.
"""

BEGINS = (b" invoked oom-killer: ", b"Out of memory", b"Memory cgroup out of memory", b"Tasks in /")
KILLED = b"Killed process "


def split(record: bytes) -> tuple[int, int, int, bytes] | None:
    """Level (0 emerg … 7 debug), sequence number, microseconds since boot, and text; None if it is no record."""
    head, semicolon, text = record.partition(b";")
    words = head.split(b",", 3)
    if not semicolon or len(words) < 3:
        return None
    try:
        return int(words[0]) & 7, int(words[1]), int(words[2]), text.partition(b"\n")[0]
    except ValueError:
        return None


def begins_oom(text: bytes) -> bool:
    """Does an OOM report begin with this line, or is it a kill line of its own (rate-limited report)?"""
    return any(mark in text for mark in BEGINS)
