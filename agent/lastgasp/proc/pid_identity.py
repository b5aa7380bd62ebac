"""Who a process is, beside its counters: command line, program, control group."""

from lastgasp.proc.text import lines


def command_line(raw: bytes, limit: int) -> bytes:
    """/proc/PID/cmdline with spaces for NULs, at most ``limit`` bytes. Empty for kernel threads and zombies."""
    return raw.rstrip(b"\0").replace(b"\0", b" ")[:limit]


def memory_group(raw: bytes) -> bytes | None:
    """The path that accounts a process's memory, from /proc/PID/cgroup.

    The v1 memory hierarchy if the process is in one ("4:memory:/a"), else the v2 path ("0::/a"). The kernel escapes
    nothing here; it refuses to make groups with a newline in their names.
    """
    unified = None
    for line in lines(raw):
        _, _, rest = line.partition(b":")
        controllers, colon, path = rest.partition(b":")
        if colon and b"memory" in controllers.split(b","):
            return path
        if colon and line.startswith(b"0::"):
            unified = path
    return unified
