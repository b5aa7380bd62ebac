"""Where blocks go: an opened ring file or block device.

The writer and ``prepare`` need four things of storage, so tests can put an emulated flash in its place.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Storage(Protocol):
        """What the writer needs. Errors are OSError."""

        def read(self, offset: int, size: int) -> bytes:
            """Up to ``size`` bytes; fewer at the end."""

        def write(self, offset: int, data: bytes | bytearray) -> None:
            """Write all of ``data`` or raise."""

        def sync(self) -> None:
            """Return when everything written is on the medium."""

        def size(self) -> int:
            """Bytes there are now."""


class FileStorage:
    """A file or block device by its descriptor; keeps no position and no buffer."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes; fewer at the end. Raises OSError."""
        return posix.pread(self.fd, size, offset)

    def write(self, offset: int, data: bytes | bytearray) -> None:
        """Write all of ``data``. Raises OSError, also EIO for a short write that cannot be completed."""
        done = posix.pwrite(self.fd, data, offset)
        while done < len(data):
            more = posix.pwrite(self.fd, memoryview(data)[done:], offset + done)
            if more <= 0:
                raise OSError(5, "short write")
            done += more

    def sync(self) -> None:
        """Data only: the size of a ring never changes. Raises OSError."""
        posix.fdatasync(self.fd)

    def close(self) -> None:
        """Give the descriptor, and with it the lock, back."""
        posix.close(self.fd)

    def size(self) -> int:
        """Bytes of the file, or of the device (whose st_size is 0)."""
        return posix.lseek(self.fd, 0, 2)
