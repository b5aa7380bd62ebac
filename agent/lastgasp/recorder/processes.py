"""Tier 2: the processes. Looks at all of them at every tick and writes those that changed.

A process is its pid *and* its start time. One read of ``stat`` tells whether anything changed; ``statm`` follows
only when memory did, ``status``, ``io``, ``oom_score``, ``oom_score_adj`` and ``fd`` come round slowly, a few
processes at each tick. Processes that live for less than two ticks are counted, not written, unless they are large.

Memory: one ``bytes`` of 80 and a dict entry per process, at most ``limit`` of them; beyond that the smallest are
not followed, and counted in ``untracked``.
"""

import _struct

from lastgasp.proc import files, pid_fd, pid_identity, pid_io, pid_oom, pid_stat, pid_statm, pid_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgasp.recorder.births import Births
    from lastgasp.ring.encoder import Encoder

COLUMNS = (b"rss", b"shared", b"vsize", b"majflt", b"cpu_ticks", b"threads", b"state")
DETAILS = (
    b"minflt",
    b"oom_score",
    b"oom_score_adj",
    *pid_status.COLUMNS,
    *pid_io.COLUMNS,
    b"fds",
    *pid_fd.COLUMNS,
)

# hash of stat, start time, hash of the details, hash of comm, pages of anonymous memory when its mappings were
# last read, when they may be read again (s since boot), pages of memory when last written, flags
_STATE = _struct.Struct("<qqqqIIIB")
KERNEL = 1  # a kernel thread: has no memory of its own, looked at slowly
NEW = 2  # seen once, not written yet
STALE = 4  # to be written with its identity, whether it changed or not

GONE = (2, 3)  # errno of a process that ended; any other, EMFILE or ENOMEM, says nothing about the process
LARGE_SHARE = 64  # a process that takes 1/64 of RAM is written even if it is gone at the next tick
LOOKS = 64  # beyond the limit so many are looked at in one tick, to see whether they are larger
LINKS_READ = 256  # of a process with more open files only the number is recorded


class Processes:
    """All of tier 2."""

    def __init__(
        self,
        encoder: "Encoder",
        limit: int,
        command_line: int,
        on_group: "Callable[[bytes], None]",
        root: bytes,
        page_size: int,
    ) -> None:
        """``limit`` processes at most, ``command_line`` bytes of each one's arguments.

        ``on_group`` is told the control group of each process.
        """
        self.encoder = encoder
        self.limit = limit
        self.command_line = command_line
        self.proc = root + b"proc/"
        self.page_size = page_size
        self.large_pages = 1 << 62  # set when RAM is known
        self.untracked = 0
        self.on_group = on_group
        self.brief = 0  # processes that were gone before they were written
        self.known: dict[int, bytes] = {}
        self.grown: list[
            tuple[int, int, int]
        ] = []  # of the last scan: pages grown since mappings were read, pid, pages
        self.fast = encoder.table(b"process", COLUMNS)
        self.details = encoder.table(b"process.details", DETAILS)
        self._births: int | None = -1
        self._turn = 0
        self._slow_queue: list[int] = []
        self._refresh_queue: list[int] = []

    def scan(self, now_ms: int, births: int | None, pressure: bool, births_log: "Births | None" = None) -> None:
        """Look at every known process, then for new ones if any can have been born since the last scan.

        ``births`` is the kernel's count of clone() calls, or None; ``births_log`` knows exit codes.
        """
        read, path, unpack = files.read, self.proc + b"%d/stat", _STATE.unpack
        self.grown.clear()
        gone = []
        for pid, state in self.known.items():
            stamp, start, _, _, _, _, _, flags = unpack(state)
            if flags & KERNEL:
                continue
            raw = read(path % pid, 512)
            if raw is None:
                if files.last_errno in GONE:
                    gone.append(pid)
                continue
            new_stamp = hash(raw)
            if new_stamp != stamp or flags:
                stat = pid_stat.parse(raw)
                if stat is None or stat.start_ticks != start:
                    gone.append(pid)
                else:
                    self._write(now_ms, pid, stat, new_stamp)
        for pid in gone:
            self._bury(now_ms, pid, births_log)
        if births is None or births != self._births or gone:
            self._look_for_new(now_ms, pressure or self._births == -1)
            self._births = births

    def _look_for_new(self, now_ms: int, write: bool) -> None:
        """List all processes and take up those that are new, the larger ones if there is not room for all."""
        known = self.known
        new = [pid for pid in files.numbers(self.proc) if pid not in known]
        room = self.limit - len(known)
        self.untracked = max(0, len(new) - room)
        if self.untracked:
            # Not all of them at every tick: that would be dear with thousands.
            self._turn = (self._turn + room + LOOKS) % len(new)
            new = (new + new)[self._turn : self._turn + min(len(new), room + LOOKS)]
        for pid in new:
            raw = files.read(self.proc + b"%d/stat" % pid, 512)
            stat = pid_stat.parse(raw) if raw else None
            if stat is None or (len(known) >= self.limit and not self._make_room(now_ms, stat.rss)):
                continue
            kernel = stat.flags & pid_stat.PF_KTHREAD
            size = _pages(stat.rss)
            known[pid] = _STATE.pack(0, stat.start_ticks, 0, 0, size, 0, size, NEW | KERNEL if kernel else NEW)
            if write or kernel or stat.rss >= self.large_pages:
                self._write(now_ms, pid, stat, hash(raw))

    def _make_room(self, now_ms: int, pages: int) -> bool:
        """Give up the smallest process that is followed, if it is clearly smaller than one of ``pages``.

        Clearly, because to take turns costs flash: both are written with all they are.
        """
        smallest, size = -1, pages - pages // 5
        for pid, state in self.known.items():
            resident = _STATE.unpack(state)[6]
            if resident < size:
                smallest, size = pid, resident
        if smallest < 0:
            return False
        _, start, _, _, _, _, _, flags = _STATE.unpack(self.known.pop(smallest))
        if not flags & NEW:
            key = b"%d@%d" % (smallest, start)
            self.encoder.gone(now_ms, self.fast, smallest, key, [(b"untracked", b"1")])
            self.encoder.forget(self.details, smallest)
        return True

    def _write(self, now_ms: int, pid: int, stat: pid_stat.Stat, stamp: int) -> None:
        """Write what changed of one process."""
        encoder = self.encoder
        _, start, details, comm, base, due, _, flags = _STATE.unpack(self.known[pid])
        key = b"%d@%d" % (pid, start)
        if flags & ~KERNEL or hash(stat.comm) != comm:
            if hash(stat.comm) != comm:
                comm = hash(stat.comm)
                encoder.forget(self.fast, pid)
            self.identify(now_ms, pid, key, stat)
        born = flags & NEW
        flags &= KERNEL
        rss, shared = stat.rss, None
        raw = None if flags else files.read(self.proc + b"%d/statm" % pid, 128)
        sizes = pid_statm.parse(raw) if raw else None
        if sizes is not None:
            _, rss, shared = sizes
            anonymous = _pages(rss - shared)
            if born:
                base = anonymous
            if anonymous - base > max(base >> 5, 64):
                self.grown.append((anonymous - base, pid, anonymous))
        values = (
            rss,
            shared,
            stat.vsize // self.page_size,
            stat.majflt,
            stat.cpu_ticks,
            stat.threads,
            stat.state if stat.state in b"DZTtX" else 83,  # R and S take turns too often to tell
        )
        if not encoder.update(self.fast, pid, values):
            encoder.introduce(self.fast, pid, key, stat.comm, values)
        self.known[pid] = _STATE.pack(stamp, start, details, comm, base, due, _pages(rss), flags)

    def identify(self, now_ms: int, pid: int, key: bytes, stat: pid_stat.Stat) -> None:
        """Write who a process is. Where ``tune`` is configured, it stands before this and sees whom there is."""
        folder = self.proc + b"%d/" % pid
        pairs = [(b"ppid", b"%d" % stat.ppid)]
        if stat.flags & pid_stat.PF_KTHREAD:
            pairs.append((b"kernel", b"1"))
        else:
            uid = pid_status.uid(files.read(folder + b"status", 4096) or b"")
            if uid is not None:
                pairs.append((b"uid", b"%d" % uid))
            program = files.link(folder + b"exe")
            if program is not None:
                pairs.append((b"exe", program[:256]))
            arguments = files.read(folder + b"cmdline", 4096)
            if arguments and self.command_line:
                pairs.append((b"cmdline", pid_identity.command_line(arguments, self.command_line)))
            group = pid_identity.memory_group(files.read(folder + b"cgroup", 4096) or b"")
            if group is not None and group != b"/":
                pairs.append((b"cgroup", group[:256]))
                self.on_group(group)
        self.encoder.attributes(now_ms, self.fast, key, pairs)

    def _bury(self, now_ms: int, pid: int, births_log: "Births | None") -> None:
        _, start, _, _, _, _, _, flags = _STATE.unpack(self.known.pop(pid))
        if flags & NEW:
            self.brief += 1
            return
        code = births_log.exit_code(pid) if births_log is not None else None
        pairs = [] if code is None else [(b"exit_code", b"%d" % code)]
        self.encoder.gone(now_ms, self.fast, pid, b"%d@%d" % (pid, start), pairs)
        self.encoder.forget(self.details, pid)

    # -- slowly ----------------------------------------------------------------------------------------

    def detail_some(self, now_ms: int, count: int) -> None:
        """Read the dearer files of the next ``count`` processes."""
        for pid in _next(self._slow_queue, self.known, count):
            self.detail(now_ms, pid)

    def refresh_some(self, count: int, who: bool = True) -> None:
        """Have the next ``count`` processes written with all they are at the next scan; not ``who``: all values."""
        for pid in _next(self._refresh_queue, self.known, count):
            stamp, start, _, comm, base, due, size, flags = _STATE.unpack(self.known[pid])
            stamp, flags = (stamp, flags | STALE) if who else (0, flags)
            self.known[pid] = _STATE.pack(stamp, start, 0, comm, base, due, size, flags)

    def detail(self, now_ms: int, pid: int) -> None:
        """Read the dearer files of one process; of a kernel thread look at the cheap one."""
        folder = self.proc + b"%d/" % pid
        raw = files.read(folder + b"stat", 512)
        if raw is None and files.last_errno not in GONE:
            return
        stat = pid_stat.parse(raw) if raw else None
        stamp, start, details, comm, base, due, size, flags = _STATE.unpack(self.known[pid])
        if flags & KERNEL:
            if stat is None or stat.start_ticks != start:
                self._bury(now_ms, pid, None)
            elif hash(raw) != stamp or flags & STALE:
                self._write(now_ms, pid, stat, hash(raw))
            return
        if stat is None or stat.start_ticks != start or flags & NEW:
            return
        values = (
            stat.minflt,
            pid_oom.parse(files.read(folder + b"oom_score", 32)),
            pid_oom.parse(files.read(folder + b"oom_score_adj", 32)),
            *pid_status.parse(files.read(folder + b"status", 4096) or b""),
            *pid_io.parse(files.read(folder + b"io", 512) or b""),
            *self._count_files(folder + b"fd"),
        )
        if self.encoder.update(self.details, pid, values):
            details = hash(values)
        elif details != hash(values):
            details = hash(values)
            self.encoder.introduce(self.details, pid, b"%d@%d" % (pid, start), b"", values)
        self.known[pid] = _STATE.pack(stamp, start, details, comm, base, due, size, flags)

    def _count_files(self, folder: bytes) -> tuple[int | None, ...]:
        """How many files are open, and of which kind."""
        names = files.names(folder)
        kinds: list[int | None] = [None] * len(pid_fd.COLUMNS)
        if names is None:
            return (None, *kinds)
        if len(names) <= LINKS_READ:
            counts = [0] * len(pid_fd.COLUMNS)
            for name in names:
                target = files.link(folder + b"/" + name)
                if target is not None:
                    counts[pid_fd.kind(target)] += 1
            return (len(names), *counts)
        return (len(names), *kinds)

    def allow_mappings(self, pid: int, now_s: int) -> bool:
        """May this process's mappings be read?"""
        state = self.known.get(pid)
        return state is not None and _STATE.unpack(state)[5] <= now_s and not _STATE.unpack(state)[7] & KERNEL

    def mappings_read(self, pid: int, anonymous_pages: int, due_s: int) -> bytes:
        """Remember that they were read, and when they may be again. Returns the process's key."""
        stamp, start, details, comm, _, _, size, flags = _STATE.unpack(self.known[pid])
        self.known[pid] = _STATE.pack(stamp, start, details, comm, anonymous_pages, due_s, size, flags)
        return b"%d@%d" % (pid, start)


def _pages(number: int) -> int:
    """As many pages as ``_STATE`` holds; counters that are read one after the other may differ by less than nothing."""
    return min(max(number, 0), 0xFFFFFFFF)


def _next(queue: list[int], known: dict[int, bytes], count: int) -> list[int]:
    """The next ``count`` known pids of a queue that is filled anew when it runs out."""
    chosen: list[int] = []
    if not queue:
        queue.extend(known)
    while queue and len(chosen) < count:
        pid = queue.pop()
        if pid in known:
            chosen.append(pid)
    return chosen
