"""/proc/PID/io (fs/proc/base.c, CONFIG_TASK_IO_ACCOUNTING): readable by root and the owner."""

from lastgasp.proc.text import maybe, words

COLUMNS = (b"rchar", b"wchar", b"read_bytes", b"write_bytes")


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Values of COLUMNS: bytes through read(2) and write(2), and bytes that went to storage."""
    found = words(raw)
    values = dict(zip(found[::2], found[1::2], strict=False))
    return tuple([maybe(values.get(name + b":", b"")) for name in COLUMNS])
