"""/proc/PID/io (fs/proc/base.c, CONFIG_TASK_IO_ACCOUNTING): readable by root and the owner."""

COLUMNS = (b"rchar", b"wchar", b"read_bytes", b"write_bytes")


def parse(raw: bytes) -> tuple[int | None, ...]:
    """Values of COLUMNS: bytes through read(2) and write(2), and bytes that went to storage."""
    words = raw.split()
    found = dict(zip(words[::2], words[1::2], strict=False))
    values = [found.get(name + b":", b"") for name in COLUMNS]
    return tuple([int(value) if value.isdigit() else None for value in values])
