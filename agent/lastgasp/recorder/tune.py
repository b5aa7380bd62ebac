"""``tune``: gives processes the oom_score_adj that the configuration names, and puts the old values back.

Loaded only where the configuration names some. A ``Tuner`` then stands before ``Processes.identify`` and so sees
each process when it is first written, when its name changes, and from time to time. A value is set once: who changes
it after that keeps what they set, until the rules are applied anew (SIGHUP, ``tune --apply``). Each change is an
event. What could not be put back, because LIMIT processes are remembered already, is not changed. Neither kernel
threads nor pid 1 nor the agent itself are touched. Nothing raises on account of a process that vanishes or refuses.

Children inherit a value that was set. Those whose parent still lives when they are first written are remembered with
what the parent had before, so that theirs is put back, too.
"""

import posix

from lastgasp.proc import files, pid_oom, pid_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgasp.recorder.processes import Processes

    Rules = tuple[tuple[bytes, int], ...]

LIMIT = 512  # processes whose old values are remembered, about 200 bytes each
LINES = 100  # of an answer
GONE = (2, 3)  # ENOENT, ESRCH
ENOSPC = 28
DELETED = b" (deleted)"  # behind the path of a program that an update replaced


def matches(pattern: bytes, name: bytes) -> bool:
    """``*`` is any bytes or none, slashes too; ``?`` is any one byte."""
    at = here = 0
    star, tried = -1, 0  # the last star, and how far it reaches
    while here < len(name):
        if pattern[at : at + 1] == b"*":
            star, tried = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in (63, name[here]):
            at += 1
            here += 1
        elif star >= 0:
            tried += 1
            at, here = star + 1, tried
        else:
            return False
    return not pattern[at:].strip(b"*")


def choose(rules: "Rules", comm: bytes, program: bytes | None) -> int:
    """Which rule is for a process: the first that matches, or -1. A pattern with a slash is for the program's path."""
    for number, (pattern, _) in enumerate(rules):
        name = program if b"/" in pattern else comm
        if name is not None and matches(pattern, name):
            return number
    return -1


def rule_of(rules: "Rules", proc: bytes, pid: int, stat: pid_stat.Stat) -> int:
    """As ``choose``, for a process; -1 for those that are never touched."""
    if stat.flags & pid_stat.PF_KTHREAD or stat.state in b"ZX" or pid == 1:
        return -1
    program = None
    if any(b"/" in pattern for pattern, _ in rules):
        program = files.link(proc + b"%d/exe" % pid)
        if program is not None:
            program = program.removesuffix(DELETED)
    number = choose(rules, stat.comm, program)
    return -1 if number >= 0 and pid == own_pid(proc) else number


def own_pid(proc: bytes) -> int:
    """Our own number in this /proc, which may be that of another namespace."""
    link = files.link(proc + b"self") or b""
    return int(link) if link.isdigit() else posix.getpid()


def look(proc: bytes, pid: int) -> pid_stat.Stat | None:
    """A process as it is now, or None."""
    raw = files.read(proc + b"%d/stat" % pid, 512)
    return pid_stat.parse(raw) if raw else None


def everyone(proc: bytes) -> "Iterator[tuple[int, pid_stat.Stat]]":
    """All processes, one at a time."""
    for pid in files.numbers(proc):
        stat = look(proc, pid)
        if stat is not None:
            yield pid, stat


def read(proc: bytes, pid: int) -> int | None:
    """The oom_score_adj of a process."""
    return pid_oom.parse(files.read(proc + b"%d/oom_score_adj" % pid, 32))


def put(proc: bytes, pid: int, start: int, value: int) -> int:
    """Set the oom_score_adj of the process that began at ``start``. Returns 0 or the errno, ESRCH if it is gone.

    An open file of /proc belongs to one process, whoever gets its pid later: so the look behind open() is enough.
    Lowering takes CAP_SYS_RESOURCE, also back to what it was once somebody with it has raised it (EACCES).
    """
    try:
        fd = posix.open(proc + b"%d/oom_score_adj" % pid, posix.O_WRONLY | posix.O_CLOEXEC | posix.O_TRUNC)
        try:
            stat = look(proc, pid)
            if stat is None or stat.start_ticks != start:
                return 3
            posix.write(fd, b"%d\n" % value)
        finally:
            files.close(fd)
    except OSError as error:
        return error.errno or 5
    return 0


def printable(name: bytes) -> bytes:
    """A name that may hold anything, fit for a terminal."""
    return bytes([byte if 32 <= byte < 127 else 63 for byte in name])


def line(pid: int, comm: bytes, old: int, new: int, errno: int) -> bytes:
    """One change, told to a person."""
    told = b"%d %s: oom_score_adj %d -> %d" % (pid, printable(comm), old, new)
    return told + b", refused (errno %d)" % errno if errno else told


class Tuner:
    """Applies rules to the processes that ``processes`` follows."""

    __slots__ = ("_full", "_prune_at", "processes", "remembered", "rules")

    def __init__(self, processes: "Processes") -> None:
        self.processes = processes
        self.rules: Rules = ()
        # pid: start time, what it had before (None: it refused), what was set or refused
        self.remembered: dict[int, tuple[int, int | None, int]] = {}
        self._prune_at = 32
        self._full = False  # and that was told

    def on(self, rules: "Rules") -> None:
        """Apply these from now on to whoever is identified; none ends that."""
        self.rules = rules
        if rules:
            self.processes.identify = self.identify  # type: ignore[method-assign]
        else:
            vars(self.processes).pop("identify", None)

    def identify(self, now_ms: int, pid: int, key: bytes, stat: pid_stat.Stat) -> None:
        """Stands before ``Processes.identify``."""
        type(self.processes).identify(self.processes, now_ms, pid, key, stat)
        self.judge(now_ms, pid, stat, False)

    def judge(self, now_ms: int, pid: int, stat: pid_stat.Stat, again: bool) -> "tuple[bytes, int] | None":
        """Set one process's value if a rule is for it; ``again`` also where it was set before and changed since.

        Returns the change as a line, with its errno or 0; None where there was nothing to do.
        """
        proc, start = self.processes.proc, stat.start_ticks
        before = self.remembered.get(pid)
        if before is not None and before[0] != start:
            del self.remembered[pid]
            before = None
        number = rule_of(self.rules, proc, pid, stat)
        inherited = self._parent(stat) if before is None else None
        if number < 0 and (inherited is None or pid == own_pid(proc)):
            return None
        old = read(proc, pid)
        if old is None:
            return None
        origin = old
        for known in (before, inherited):
            if known is not None and known[1] is not None and known[2] == old:
                origin = known[1]
        wanted = self.rules[number][1] if number >= 0 else old
        if old == wanted:
            if before is None and origin != old and self._room():
                self.remembered[pid] = start, origin, old
            return None
        if before is not None and before[2] == wanted and not again:
            return None  # somebody else's choice since then, or refused before
        if before is None and not self._room():
            if self._full:
                return None
            self._full, errno = True, ENOSPC
        else:
            errno = put(proc, pid, start, wanted)
            if errno in GONE:
                return None
            if not errno:
                self.remembered[pid] = start, origin, wanted
            elif before is None or before[1] is None:
                self.remembered[pid] = start, None, wanted
        self._tell(now_ms, pid, stat, old, wanted, errno, [(b"rule", self.rules[number][0])])
        return line(pid, stat.comm, old, wanted, errno), errno

    def apply(self, now_ms: int, rules: "Rules") -> bytes:
        """Apply these rules to all processes now, and go on with them. The answer says what was changed."""
        self.on(rules)
        self._full = False
        changes = []
        for pid, stat in everyone(self.processes.proc) if rules else ():
            change = self.judge(now_ms, pid, stat, True)
            if change is not None:
                changes.append(change)
        return answer(changes, b"no process has to be changed")

    def revert(self, now_ms: int) -> bytes:
        """Put back what was set and is still set, and apply nothing more until told to."""
        self.on(())
        proc, changes = self.processes.proc, []
        for pid, (start, old, new) in list(self.remembered.items()):
            stat = look(proc, pid)
            errno = 0
            if stat is not None and stat.start_ticks == start and old is not None and old != new:
                current = read(proc, pid)
                if current is None:
                    continue
                if current == new:
                    errno = put(proc, pid, start, old)
                    if errno in GONE:
                        errno = 0
                    else:
                        self._tell(now_ms, pid, stat, new, old, errno, [(b"revert", b"1")])
                        changes.append((line(pid, stat.comm, new, old, errno), errno))
            elif stat is None and files.last_errno not in GONE:
                continue  # short of descriptors or memory: that says nothing about the process
            if not errno:  # else it can be tried again
                del self.remembered[pid]
        return answer(changes, b"no process has a value that this agent has set")

    def _tell(
        self,
        now_ms: int,
        pid: int,
        stat: pid_stat.Stat,
        old: int,
        new: int,
        errno: int,
        why: "list[tuple[bytes, bytes]]",
    ) -> None:
        pairs = [(b"key", b"%d@%d" % (pid, stat.start_ticks)), (b"name", stat.comm), (b"old", b"%d" % old)]
        if errno:
            pairs += [(b"wanted", b"%d" % new), (b"error", b"%d" % errno)]
        else:
            pairs.append((b"new", b"%d" % new))
        self.processes.encoder.event(now_ms, b"tune", pairs + why)

    def _parent(self, stat: pid_stat.Stat) -> tuple[int, int | None, int] | None:
        """What is remembered of the parent, if it is the one that is remembered."""
        known = self.remembered.get(stat.ppid)
        if known is None or stat.flags & pid_stat.PF_KTHREAD:
            return None
        parent = look(self.processes.proc, stat.ppid)
        return known if parent is not None and parent.start_ticks == known[0] else None

    def _room(self) -> bool:
        """Can one more be remembered? Forgets those that are gone, each time when there are twice as many."""
        if len(self.remembered) >= self._prune_at:
            for pid, (start, _, _) in list(self.remembered.items()):
                stat = look(self.processes.proc, pid)
                if stat is None and files.last_errno not in GONE:
                    continue
                if stat is None or stat.start_ticks != start:
                    del self.remembered[pid]
            self._prune_at = min(2 * len(self.remembered) + 32, LIMIT)
        return len(self.remembered) < LIMIT


def answer(changes: "list[tuple[bytes, int]]", nothing: bytes) -> bytes:
    """What a client gets: "ok" or "refused", then what there is to say."""
    lines = [change for change, _ in changes[:LINES]]
    if len(changes) > LINES:
        lines.append(b"and %d more" % (len(changes) - LINES))
    refused = any(errno for _, errno in changes)
    return b"\n".join([b"refused" if refused else b"ok", *(lines or [nothing]), b""])
