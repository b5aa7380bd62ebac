"""``lastgasp-agent selftest``: what this kernel and this place offer, and what is lost where something is absent."""

from __future__ import annotations

import posix
import sys

from lastgasp.proc import files, mounts
from lastgasp.recorder import complain, kernel_config, protect, ring_file
from lastgasp.recorder.births import Births
from lastgasp.recorder.status import why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

# path, what its absence costs, kernel options that give it; agent/service/lastgasp.cfg says what they cost
FILES = (
    ("proc/meminfo", "nothing works without it", "CONFIG_PROC_FS"),
    ("proc/vmstat", "no signs of reclaim, no OOM count", "CONFIG_VM_EVENT_COUNTERS"),
    (
        "proc/pressure/memory",
        "pressure is judged by MemAvailable alone",
        "CONFIG_PSI, and psi=1 where CONFIG_PSI_DEFAULT_DISABLED is set",
    ),
    ("proc/buddyinfo", "fragmentation cannot be seen", "CONFIG_PROC_FS"),
    ("proc/zoneinfo", "no watermarks", "CONFIG_PROC_FS"),
    ("proc/slabinfo", "a kernel leak cannot be put down to a cache", "CONFIG_SLUB_DEBUG, and root"),
    ("proc/diskstats", "no disk traffic beside the growth", "CONFIG_PROC_FS"),
    ("proc/net/dev", "no network traffic beside the growth", "CONFIG_NET"),
    ("proc/self/smaps_rollup", "the agent's own size is read the long way", "Linux 4.14, CONFIG_PROC_PAGE_MONITOR"),
    (
        "proc/self/io",
        "no I/O per process",
        "CONFIG_TASK_IO_ACCOUNTING on CONFIG_TASK_XACCT and CONFIG_TASKSTATS",
    ),
    ("dev/kmsg", "no OOM reports: only their traces", "CONFIG_PRINTK, and root"),
    (
        "dev/pmsg0",
        "unflushed samples are lost at a reset",
        "CONFIG_PSTORE, CONFIG_PSTORE_RAM, CONFIG_PSTORE_PMSG, and RAM set aside for ramoops",
    ),
    (
        "proc/config.gz",
        "what is not built in cannot be told from what is switched off",
        "CONFIG_IKCONFIG, CONFIG_IKCONFIG_PROC",
    ),
    (
        "sys/bus/event_source/devices/uprobe/type",
        "trace tools cannot find the call that allocates in a running program; the recorder does without",
        "CONFIG_UPROBE_EVENTS on CONFIG_FTRACE and CONFIG_PERF_EVENTS, Linux 4.17",
    ),
)
CONNECTOR = "CONFIG_PROC_EVENTS on CONFIG_CONNECTOR and CONFIG_NET, and root"
GROUPS = "CONFIG_MEMCG on CONFIG_CGROUPS, mounted, and no cgroup_disable=memory"


def main(config: Config, root: bytes = b"/") -> int:
    """Print one line per check; returns 0 when the agent can record here, else 1."""
    worst = 0
    built = kernel_config.read(root)
    for path, cost, option in FILES:
        if path == "dev/pmsg0" and not config.pmsg:
            continue
        errno = try_open(root + path.encode(), posix.O_WRONLY if path == "dev/pmsg0" else posix.O_RDONLY)
        _line(not errno, f"/{path}", f"{why(errno)}: {cost} ({option}{kernel_config.here(option, built)})")
        if errno and path == "proc/meminfo":
            worst = 1
    births = Births()
    hint = CONNECTOR + kernel_config.here(CONNECTOR, built)
    _line(not births.errno, "proc connector", f"{why(births.errno)}: no exit codes ({hint})")
    hint = GROUPS + kernel_config.here(GROUPS, built)
    _line(has_groups(root), "memory control groups", f"limits, and what each service uses, cannot be seen ({hint})")
    if config.lock_memory:
        locked = not protect.lock_memory()
        _line(locked, "mlockall", "refused: samples may be late when memory is short (root, or RLIMIT_MEMLOCK)")
    if config.oom_score_adj is not None:
        errno = protect.set_oom_score_adj(config.oom_score_adj)
        text = f"{why(errno)}: the agent can be chosen by the OOM killer (CAP_SYS_RESOURCE)"
        _line(not errno, f"oom_score_adj {config.oom_score_adj}", text)
    return max(worst, ring(config))


def has_groups(root: bytes) -> bool:
    """Is memory accounted in groups? The second version may be mounted without that controller."""
    found = mounts.memory_controller(mounts.parse(files.lines(root + b"proc/self/mountinfo")))
    if found is None:
        return False
    version, point = found
    return version == 1 or b"memory" in (files.read(root + point[1:] + b"/cgroup.controllers", 4096) or b"").split()


def ring(config: Config) -> int:
    """Check the ring's place without making a ring, with the agent's own refusals."""
    path = config.ring_path
    if config.ring_mount and not ring_file.is_mounted(config.ring_mount):
        return complain(f"{config.ring_mount}: nothing is mounted there; mount it, or correct ring_mount", 1)
    folder = path.rpartition("/")[0] or "/"
    try:
        status = posix.lstat(path)
        kind, place, size = status.st_mode & 0o170000, path, status.st_size
    except OSError:
        if ring_file.is_device_name(path):
            return complain(f"{path}: no such device", 1)
        kind, size = 0, 0
        place = folder if exists(folder) else folder.rpartition("/")[0] or "/"  # the last folder is made if need be
        try:
            status = posix.stat(place)
        except OSError as error:
            return complain(f"{folder}: {error.strerror}; make it, or set ring_path", 1)
    if kind in ring_file.KINDS:
        return complain(f"{path}: is {ring_file.KINDS[kind]}: name a file or a block device", 1)
    if kind == ring_file.FOLDER:
        return complain(f"{path}: {ring_file.ERRORS[21]}", 1)
    if kind == ring_file.BLOCK_DEVICE:
        errno = try_open(path.encode("utf-8", "surrogateescape"), posix.O_RDWR | posix.O_EXCL)
        if errno:
            return complain(f"{path}: {ring_file.ERRORS.get(errno, why(errno))}", 1)
        _line(True, f"{path}, a block device", "")
        return 0
    on = ring_file.file_system(place) or b"unknown"
    medium = posix.statvfs(place)
    if medium.f_flag & posix.ST_RDONLY:
        return complain(f"{place}: {ring_file.ERRORS[30]}", 1)
    if not posix.access(place, posix.W_OK):
        return complain(f"{place}: {ring_file.ERRORS[13]}", 1)
    free = medium.f_bavail * medium.f_frsize
    if free < config.ring_size - size:
        return complain(f"{place}: {free} bytes free, the ring needs {config.ring_size - size}; set ring_size", 1)
    doubt = ring_file.doubts(on)
    _line(not doubt, path if doubt else f"{path} on {on.decode()}", doubt)
    return 0


def exists(path: str) -> bool:
    """Is there anything?"""
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def try_open(path: bytes, flags: int) -> int:
    """0, or the errno that opening gives."""
    try:
        posix.close(posix.open(path, flags | posix.O_CLOEXEC | posix.O_NONBLOCK))
    except OSError as error:
        return error.errno or 0
    return 0


def _line(good: bool, name: str, otherwise: str) -> None:
    sys.stdout.write(f"ok      {name}\n" if good else f"absent  {name}: {otherwise}\n")
