"""Standard input, output and error, and reading a file: in place of ``io`` and ``_io`` with their eight classes.

As there, standard output is written when 8 KiB wait, after a line where it is a terminal, and at the end; standard
error after each line. Text is UTF-8.
"""

import posix

WAITING = 8192


class File:
    """An open file: reads bytes; writes text or bytes."""

    encoding = "utf-8"
    closed = False

    def __init__(self, fd: int, errors: str, by_line: bool) -> None:
        self.fd = fd
        self.errors = errors
        self.by_line = by_line
        self.waiting = bytearray()
        self.buffer = self.raw = self

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Only files that open() opened are closed."""
        self.closed = True
        posix.close(self.fd)

    def fileno(self) -> int:
        """Its descriptor."""
        return self.fd

    def isatty(self) -> bool:
        """Does a person read it?"""
        return posix.isatty(self.fd)

    def read(self, size: int) -> bytes:
        """``size`` bytes, or fewer at the end."""
        found = b""
        while len(found) < size:
            more = posix.read(self.fd, size - len(found))
            if not more:
                break
            found += more
        return found

    def write(self, data: "str | bytes") -> int:
        """Text is written by lines where that is wanted. Raises OSError."""
        is_text = isinstance(data, str)
        self.waiting += data.encode("utf-8", self.errors) if isinstance(data, str) else data
        if len(self.waiting) > WAITING or (self.by_line and is_text and b"\n" in self.waiting):
            self.flush()
        return len(data)

    def flush(self) -> None:
        """What could not be written is given up: told once, not again at the end. Raises OSError."""
        waiting = self.waiting
        self.waiting = bytearray()
        while waiting:
            del waiting[: posix.write(self.fd, waiting)]


def open(file: "int | str", mode: str = "r", *_: object, **__: object) -> File:
    """Of a path, ``"rb"`` only; of a descriptor, one of the standard ones."""
    if isinstance(file, int):
        return File(file, "strict", False)
    if mode != "rb":
        raise ValueError("only rb")
    return File(posix.open(file, posix.O_RDONLY | posix.O_CLOEXEC), "strict", False)


def TextIOWrapper(
    file: File, encoding: str, errors: str, newline: "str | None", by_line: bool, write_through: bool
) -> File:
    """A standard file, as one of text."""
    file.errors = errors
    file.by_line = by_line or write_through
    return file
