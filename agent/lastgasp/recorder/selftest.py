"""``lastgasp-agent selftest``: what this kernel and this place offer, and what is lost where something is absent."""

from __future__ import annotations

import posix
import sys

from lastgasp.proc import files, mounts
from lastgasp.recorder import protect, ring_file
from lastgasp.recorder.births import Births
from lastgasp.recorder.main import complain
from lastgasp.recorder.status import why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

# path, what its absence costs, kernel option that gives it
FILES = (
    ("proc/meminfo", "nothing works without it", "CONFIG_PROC_FS"),
    ("proc/vmstat", "no signs of reclaim, no OOM count", "CONFIG_VM_EVENT_COUNTERS"),
    ("proc/pressure/memory", "pressure is judged by MemAvailable alone", "CONFIG_PSI, and psi=1 where it is off"),
    ("proc/buddyinfo", "fragmentation cannot be seen", "CONFIG_PROC_FS"),
    ("proc/zoneinfo", "no watermarks", "CONFIG_PROC_FS"),
    ("proc/slabinfo", "a kernel leak cannot be put down to a cache", "CONFIG_SLUB_DEBUG, and root"),
    ("proc/diskstats", "no disk traffic beside the growth", "CONFIG_PROC_FS"),
    ("proc/net/dev", "no network traffic beside the growth", "CONFIG_NET"),
    ("proc/self/smaps_rollup", "the agent's own size is read the long way", "Linux 4.14, CONFIG_PROC_PAGE_MONITOR"),
    ("proc/self/io", "no I/O per process", "CONFIG_TASK_IO_ACCOUNTING"),
    ("dev/kmsg", "no OOM reports: only their traces", "CONFIG_PRINTK, and root"),
    ("dev/pmsg0", "unflushed samples are lost at a reset", "CONFIG_PSTORE_RAM, CONFIG_PSTORE_PMSG"),
)


def main(config: Config, root: bytes = b"/") -> int:
    """Print one line per check; returns 0 when the agent can record here, else 1."""
    worst = 0
    for path, cost, option in FILES:
        if path == "dev/pmsg0" and not config.pmsg:
            continue
        errno = try_open(root + path.encode(), posix.O_WRONLY if path == "dev/pmsg0" else posix.O_RDONLY)
        _line(not errno, f"/{path}", f"{why(errno)}: {cost} ({option})")
        if errno and path == "proc/meminfo":
            worst = 1
    births = Births()
    _line(not births.errno, "proc connector", f"{why(births.errno)}: no exit codes (CONFIG_PROC_EVENTS, root)")
    controller = mounts.memory_controller(mounts.parse(files.lines(root + b"proc/self/mountinfo")))
    _line(controller is not None, "memory control groups", "not mounted: limits cannot be seen (CONFIG_MEMCG)")
    if config.lock_memory:
        locked = not protect.lock_memory()
        _line(locked, "mlockall", "refused: samples may be late when memory is short (root, or RLIMIT_MEMLOCK)")
    if config.oom_score_adj is not None:
        errno = protect.set_oom_score_adj(config.oom_score_adj)
        text = f"{why(errno)}: the agent can be chosen by the OOM killer (CAP_SYS_RESOURCE)"
        _line(not errno, f"oom_score_adj {config.oom_score_adj}", text)
    return max(worst, ring(config))


def ring(config: Config) -> int:
    """Check the ring's place without making a ring."""
    folder = config.ring_path.rpartition("/")[0] or "/"
    try:
        status = posix.stat(config.ring_path)
    except OSError:
        try:
            status = posix.stat(folder)
        except OSError as error:
            return complain(f"{folder}: {error.strerror}; make it, or set ring_path", 1)
    device = b"%d:%d" % (posix.major(status.st_dev), posix.minor(status.st_dev))
    kind = mounts.file_system(mounts.parse(files.lines(b"/proc/self/mountinfo")), device) or b"unknown"
    medium = posix.statvfs(folder)
    if medium.f_flag & posix.ST_RDONLY:
        return complain(f"{folder}: read-only file system; set ring_path to a partition that can be written", 1)
    free = medium.f_bavail * medium.f_frsize
    if kind in ring_file.VOLATILE:
        _line(False, config.ring_path, f"is on {kind.decode()}: it will not outlive a power cycle")
    elif free < config.ring_size and status.st_mode & 0o170000 == 0o040000:
        return complain(f"{folder}: {free} bytes free, the ring needs {config.ring_size}; set ring_size", 1)
    else:
        _line(True, f"{config.ring_path} on {kind.decode()}", "")
    return 0


def try_open(path: bytes, flags: int) -> int:
    """0, or the errno that opening gives."""
    try:
        posix.close(posix.open(path, flags | posix.O_CLOEXEC | posix.O_NONBLOCK))
    except OSError as error:
        return error.errno or 0
    return 0


def _line(good: bool, name: str, otherwise: str) -> None:
    sys.stdout.write(f"ok      {name}\n" if good else f"absent  {name}: {otherwise}\n")
