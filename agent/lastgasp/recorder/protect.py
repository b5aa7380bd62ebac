"""The agent's own survival: known by its name, not chosen by the OOM killer, not paged out when it matters.

Locking: when memory is short the kernel drops file pages first, and those are the interpreter's code; an
unlocked sampler was blind for 9.5 s across an OOM on a slow disk, a locked one for 0.5 s. Only pages that are
touched get locked (MCL_ONFAULT), so that locking does not make the agent larger. mlockall(2) is called through
``_ctypes`` (72 kB; the ``ctypes`` package around it would cost 590 kB).
"""

import posix

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
SHIFTED = (b"ppc", b"sparc", b"alpha")  # architectures where these bits stand 13 higher


def set_oom_score_adj(value: int | None) -> int:
    """Write /proc/self/oom_score_adj; lowering it needs CAP_SYS_RESOURCE. Returns 0 or the errno."""
    return 0 if value is None else _write(b"oom_score_adj", b"%d" % value)


def set_name() -> int:
    """Be "lastgasp-agent" in ps and in OOM reports, not "python3" or "exe". Returns 0 or the errno."""
    return _write(b"comm", b"lastgasp-agent")


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


def lock_memory() -> int:
    """Keep every page that the agent touches, now and later, in RAM. Returns 0 or an errno (ENOSYS: no _ctypes)."""
    try:
        import _ctypes
    except ImportError:
        return 38
    flags = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT
    if posix.uname().machine.encode().startswith(SHIFTED):
        flags <<= 13
    try:
        library = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]
        return 0 if _ctypes.call_function(_ctypes.dlsym(library, "mlockall"), (flags,)) == 0 else 1
    except OSError:
        return 38
