"""The agent's own survival: known by its name, not chosen by the OOM killer, not paged out when it matters.

Locking: when memory is short the kernel drops file pages first, and those are the interpreter's code; an
unlocked agent was blind for 7.9 s across an OOM on a slow disk, a locked one missed nothing. Only pages that are
touched get locked (MCL_ONFAULT), so that locking does not make the agent larger. mlockall(2) is called through
``_ctypes`` (72 kB; the ``ctypes`` package around it would cost 590 kB), where the interpreter has no ``_tiny`` for it.
"""

import posix

from lastgasp.proc import files

CAP_IPC_LOCK = 14
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
SHIFTED = (b"ppc", b"sparc", b"alpha")  # architectures where these bits stand 13 higher


def set_oom_score_adj(value: int | None) -> int:
    """Write /proc/self/oom_score_adj; lowering it needs CAP_SYS_RESOURCE. Returns 0 or the errno."""
    return 0 if value is None else _write(b"oom_score_adj", b"%d" % value)


def set_name(name: bytes = b"lastgasp-agent") -> int:
    """Be that in ps and in OOM reports, not "python3" or "exe". Returns 0 or the errno."""
    return _write(b"comm", name)


def _write(name: bytes, value: bytes) -> int:
    try:
        fd = posix.open(b"/proc/self/" + name, posix.O_WRONLY | posix.O_CLOEXEC)
        try:
            posix.write(fd, value)
        finally:
            posix.close(fd)
    except OSError as error:
        return error.errno or 0
    return 0


def may_lock(status: bytes, limits: bytes) -> bool:
    """Can locking do no harm, by /proc/self/status and limits?

    Without CAP_IPC_LOCK a limit on locked memory that is large enough for now lets mlockall() succeed and later
    allocations fail.
    """
    _, _, rest = status.partition(b"\nCapEff:")
    try:
        if int(rest[:24].split()[0], 16) >> CAP_IPC_LOCK & 1:
            return True
    except (IndexError, ValueError):
        pass
    _, _, rest = limits.partition(b"\nMax locked memory")
    return rest.split()[:1] == [b"unlimited"]


def lock_memory() -> int:
    """Keep every page that the agent touches, now and later, in RAM. Returns 0 or an errno (ENOSYS: no _ctypes)."""
    if not may_lock(files.read(b"/proc/self/status", 4096) or b"", files.read(b"/proc/self/limits", 4096) or b""):
        return 1
    flags = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT
    if posix.uname().machine.encode().startswith(SHIFTED):
        flags <<= 13
    try:
        import _tiny  # type: ignore[import-not-found]  # of scripts/firmware/tiny

        return _tiny.mlockall(flags)  # type: ignore[no-any-return]
    except ImportError:
        pass
    try:
        import _ctypes
    except ImportError:
        return 38
    try:
        library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]
        return 0 if _ctypes.call_function(_ctypes.dlsym(library, "mlockall"), (flags,)) == 0 else 1
    except OSError:
        return 38
