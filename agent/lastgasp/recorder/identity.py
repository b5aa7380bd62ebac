"""What this machine and firmware are: written at each start and again from time to time, as a "machine" event."""

import posix

from lastgasp.proc import files, stat

OS_RELEASE = (b"ID=", b"VERSION_ID=", b"BUILD_ID=", b"IMAGE_ID=", b"IMAGE_VERSION=", b"PRETTY_NAME=")
# vm.* settings that decide who lives and when reclaim begins
SYSCTLS = (
    b"overcommit_memory",
    b"overcommit_ratio",
    b"overcommit_kbytes",
    b"panic_on_oom",
    b"oom_kill_allocating_task",
    b"oom_dump_tasks",
    b"min_free_kbytes",
    b"watermark_scale_factor",
    b"watermark_boost_factor",
    b"swappiness",
    b"vfs_cache_pressure",
    b"admin_reserve_kbytes",
    b"user_reserve_kbytes",
)


def machine(root: bytes, version: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values; what is absent is left out."""
    uname = posix.uname()
    found = [
        (b"agent", version),
        (b"kernel", uname.release.encode("utf-8", "surrogateescape")),
        (b"build", uname.version.encode("utf-8", "surrogateescape")),
        (b"machine", uname.machine.encode()),
        (b"host", uname.nodename.encode("utf-8", "surrogateescape")),  # anything may be set
        (b"page_size", b"%d" % posix.sysconf("SC_PAGESIZE")),
        (b"clock_ticks", b"%d" % posix.sysconf("SC_CLK_TCK")),
        (b"cpus", b"%d" % stat.cpus(files.lines(root + b"proc/stat"))),
    ]
    for line in (files.read(root + b"etc/os-release", 4096) or b"").splitlines():
        if line.startswith(OS_RELEASE):
            name, _, value = line.partition(b"=")
            found.append((b"os." + name.lower(), value.strip(b"\"'")[:128]))
    for name in SYSCTLS:
        setting = files.read(root + b"proc/sys/vm/" + name, 64)
        if setting is not None:
            found.append((b"vm." + name, setting.strip()))
    memory = files.read(root + b"proc/meminfo", 8192) or b""
    first = memory.split(None, 2)
    if len(first) > 1 and first[0] == b"MemTotal:":
        found.append((b"total_kb", first[1]))
    return found
