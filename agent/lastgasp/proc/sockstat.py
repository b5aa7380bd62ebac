"""/proc/net/sockstat (net/ipv4/proc.c) and /proc/sys/fs/file-nr (fs/file_table.c): what else the kernel holds."""

COLUMNS = (b"sockets", b"tcp_memory_pages", b"udp_memory_pages", b"open_files")


def parse(sockstat: bytes | None, file_nr: bytes | None) -> tuple[int | None, ...]:
    """Values of COLUMNS. The memory is that of socket buffers, which no process's RSS shows."""
    values: dict[bytes, int | None] = {}
    for line in (sockstat or b"").splitlines():
        protocol, _, rest = line.partition(b":")
        words = rest.split()
        for name, value in zip(words[::2], words[1::2], strict=False):
            values[protocol + b" " + name] = int(value) if value.isdigit() else None
    files = (file_nr or b"").split()
    return (
        values.get(b"sockets used"),
        values.get(b"TCP mem"),
        values.get(b"UDP mem"),
        int(files[0]) if files and files[0].isdigit() else None,
    )
