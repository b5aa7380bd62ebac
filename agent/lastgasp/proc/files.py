"""Reading kernel files, never an exception but where it says so.

A file that is not there, may not be read or vanished while it was read is None; the errno of the last such refusal
is in ``last_errno`` for whoever wants to say why. ``read`` costs three system calls: open, read, close.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 4096  # a seq_file fills about a page at a read

last_errno = 0

_FLAGS = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK


def read(path: bytes, size: int) -> bytes | None:
    """At most ``size`` bytes of a file in one read: what one-record files (stat, statm, meminfo) need."""
    global last_errno
    fd = _open(path)
    if fd < 0:
        return None
    try:
        return posix.read(fd, size)
    except OSError as error:
        last_errno = error.errno or 0
        return None
    finally:
        close(fd)


def lines(path: bytes) -> "Iterator[bytes]":
    """A file of any length line by line, a page at a time. Ends early, without a word, where reading fails."""
    global last_errno
    fd = _open(path)
    if fd < 0:
        return
    rest = b""
    try:
        while True:
            piece = posix.read(fd, PIECE)
            if not piece:
                break
            found = (rest + piece).split(b"\n")
            rest = found.pop()
            yield from found
        if rest:
            yield rest
    except OSError as error:
        last_errno = error.errno or 0
    finally:
        close(fd)


def read_all(path: bytes, limit: int) -> bytes | None:
    """A whole file of up to ``limit`` bytes."""
    global last_errno
    fd = _open(path)
    if fd < 0:
        return None
    try:
        return read_fd(fd, limit)
    except OSError as error:
        last_errno = error.errno or 0
        return None
    finally:
        close(fd)


def read_fd(fd: int, limit: int) -> bytes:
    """All of an open file from its beginning, up to ``limit`` bytes. Raises OSError.

    One read for each page, and one to see the end.
    """
    raw = posix.pread(fd, limit, 0)
    while len(raw) < limit:
        more = posix.pread(fd, limit - len(raw), len(raw))
        if not more:
            break
        raw += more
    return raw


def link(path: bytes) -> bytes | None:
    """Where a symbolic link points."""
    global last_errno
    try:
        return posix.readlink(path)
    except OSError as error:
        last_errno = error.errno or 0
        return None


def names(path: bytes) -> list[bytes] | None:
    """The entries of a folder, in the kernel's order."""
    global last_errno
    try:
        return posix.listdir(path)
    except OSError as error:
        last_errno = error.errno or 0
        return None


def _open(path: bytes) -> int:
    global last_errno
    try:
        return posix.open(path, _FLAGS)
    except OSError as error:
        last_errno = error.errno or 0
        return -1


def numbers(path: bytes) -> "Iterator[int]":
    """The entries of a folder whose names are numbers, one at a time: /proc as a list takes 100 bytes a process."""
    global last_errno
    try:
        with posix.scandir(path) as entries:
            for entry in entries:
                if entry.name.isdigit():
                    yield int(entry.name)
    except OSError as error:
        last_errno = error.errno or 0


def close(fd: int) -> None:
    """Give a descriptor back; Linux frees it whatever close(2) returns, so an error is of no interest."""
    try:
        posix.close(fd)
    except OSError:
        pass
