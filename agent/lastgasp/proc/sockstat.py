"""/proc/net/sockstat (net/ipv4/proc.c) and /proc/sys/fs/file-nr (fs/file_table.c): what else the kernel holds."""

from lastgasp.proc.text import lines, maybe, words

COLUMNS = (b"sockets", b"tcp_memory_pages", b"udp_memory_pages", b"open_files")


def parse(sockstat: bytes | None, file_nr: bytes | None) -> tuple[int | None, ...]:
    """Values of COLUMNS. The memory is that of socket buffers, which no process's RSS shows."""
    values: dict[bytes, int | None] = {}
    for line in lines(sockstat or b""):
        protocol, _, rest = line.partition(b":")
        pairs = rest.split()
        for name, value in zip(pairs[::2], pairs[1::2], strict=False):
            values[protocol + b" " + name] = maybe(value)
    files = words(file_nr or b"")
    return (
        values.get(b"sockets used"),
        values.get(b"TCP mem"),
        values.get(b"UDP mem"),
        maybe(files[0]) if files else None,
    )
