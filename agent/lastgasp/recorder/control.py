"""The control socket: status, mark, flush. A Unix stream socket of mode 0600; never a network port.

One line in, an answer out, closed. Clients that say nothing for long are dropped; at most CLIENTS at a
time, so neither a slow nor a hostile client can hold the agent up or make it grow.
"""

import _socket
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS = 4
LINE_LIMIT = 512
ENAMETOOLONG = 36


class Control:
    """Listens at ``path``; ``answer`` turns a request line into a reply. ``errno`` says why it could not."""

    def __init__(self, path: str, answer: "Callable[[bytes], bytes]") -> None:
        self.path = path
        self.errno = 0
        self.clients: dict[int, tuple[_socket.socket, bytes]] = {}
        self._answer = answer
        self._seen: list[int] = []  # clients at the last call of stale()
        self._socket: _socket.socket | None = None
        self.fd = -1
        if not path:
            return
        mode = posix.umask(0o177)
        try:
            listener = _socket.socket(
                _socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
            )
            _make_way(path)
            listener.bind(path)
            listener.listen(CLIENTS)
            self._socket = listener
            self.fd = listener.fileno()
        except OSError as error:
            self.errno = error.errno or ENAMETOOLONG
        finally:
            posix.umask(mode)

    def accept(self) -> int:
        """A client is waiting: returns its descriptor for poll(), or -1."""
        if self._socket is None:
            return -1
        try:
            fd: int = self._socket._accept()[0]  # type: ignore[attr-defined]
        except OSError:
            return -1
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
        client.setblocking(False)
        if len(self.clients) >= CLIENTS:
            client.close()
            return -1
        self.clients[fd] = client, b""
        return fd

    def serve(self, fd: int) -> bool:
        """A client said something. True when it is done with and its descriptor closed."""
        client, line = self.clients[fd]
        try:
            piece = client.recv(LINE_LIMIT)
            line += piece
            if piece and b"\n" not in line and len(line) < LINE_LIMIT:
                self.clients[fd] = client, line
                return False
            if line:
                client.send(self._answer(line.partition(b"\n")[0]))
        except OSError:
            pass
        self.drop(fd)
        return True

    def stale(self) -> list[int]:
        """Clients that were there at the last call already: who has just connected gets time to speak."""
        stale, self._seen = self._seen, [fd for fd in self.clients if fd not in self._seen]
        return stale

    def drop(self, fd: int) -> None:
        """Close a client's connection."""
        if fd in self._seen:
            self._seen.remove(fd)
        client, _ = self.clients.pop(fd)
        client.close()

    def close(self) -> None:
        """Stop listening and take the socket's file away."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            try:
                posix.unlink(self.path)
            except OSError:
                pass


def _make_way(path: str) -> None:
    """Take away the socket of an agent that is gone: nothing but a socket, and only if nobody answers on it."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        if posix.lstat(path).st_mode & 0o170000 == 0o140000:
            probe.connect(path)
    except ConnectionRefusedError:
        posix.unlink(path)
    except OSError:  # nothing there, or busy: bind() will tell
        pass
    finally:
        probe.close()
