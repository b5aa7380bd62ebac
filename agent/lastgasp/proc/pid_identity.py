"""Who a process is, beside its counters: command line, program, control group."""


def command_line(raw: bytes, limit: int) -> bytes:
    """/proc/PID/cmdline with spaces for NULs, at most ``limit`` bytes. Empty for kernel threads and zombies."""
    return raw.rstrip(b"\0").replace(b"\0", b" ")[:limit]


def memory_group(raw: bytes) -> bytes | None:
    """The path that accounts a process's memory, from /proc/PID/cgroup.

    The v1 memory hierarchy if the process is in one ("4:memory:/a"), else the v2 path ("0::/a").
    """
    unified = None
    for line in raw.splitlines():
        _, _, rest = line.partition(b":")
        controllers, _, path = rest.partition(b":")
        if b"memory" in controllers.split(b","):
            return path
        if not controllers and line.startswith(b"0:"):
            unified = path
    return unified
