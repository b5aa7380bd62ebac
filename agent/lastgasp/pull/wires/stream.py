"""A console behind a socket: QEMU's chardevs, terminal servers that give a raw TCP port."""

from __future__ import annotations

import socket

from lastgasp.pull.wires import Descriptors, WireError

CONNECT_S = 15.0


class Stream(Descriptors):
    """A connected socket."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self._socket = connection
        super().__init__(name, True, connection.fileno(), connection.fileno())

    def close(self) -> None:
        """Hang up."""
        self.reading = self.writing = -1
        self._socket.close()


def unix(path: str) -> Stream:
    """Raises WireError."""
    return _connected(f"unix:{path}", socket.socket(socket.AF_UNIX), path)


def tcp(host: str, port: int) -> Stream:
    """Raises WireError."""
    name = f"tcp:{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise WireError(f"{name}: {error.strerror or error}") from None
    except UnicodeError:  # an empty or a very long word between dots
        raise WireError(f"{name}: {host!r} is no host name") from None
    for last, (family, kind, protocol, _, address) in enumerate(found, 1 - len(found)):
        try:
            return _connected(name, socket.socket(family, kind, protocol), address)
        except WireError:
            if not last:
                raise
    raise WireError(f"{name}: no such host")


def _connected(name: str, connection: socket.socket, address: object) -> Stream:
    connection.settimeout(CONNECT_S)
    try:
        connection.connect(address)  # type: ignore[arg-type]
    except OSError as error:
        connection.close()
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise WireError(f"{name}: {reason}; is something listening there?") from None
    return Stream(name, connection)
