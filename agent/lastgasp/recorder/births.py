"""Process events from the kernel's connector: nobody who lived between two ticks goes uncounted.

The socket is emptied at each tick, not watched: under a storm of forks the kernel drops what does not fit and
that is counted as ``missed``. Exit codes wait for the tick that finds their process gone.
"""

import _socket
import posix

from lastgasp.proc import connector

CODES_KEPT = 64
READS = 512  # datagrams at one tick


class Births:
    """The connector, or why it is absent (``errno``)."""

    def __init__(self, listen: bool = True) -> None:
        """``listen``: kernels before 6.6 go on telling everybody's events when who listened has ended."""
        self.execs = self.exits = self.missed = 0
        self.errno = 0
        self._codes: dict[int, int] = {}
        self._socket: _socket.socket | None = None
        if not listen:
            return
        try:
            listener = _socket.socket(
                connector.FAMILY,
                _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK,
                connector.PROTOCOL,
            )
            listener.bind((0, connector.GROUP))
            listener.send(connector.listen_message(posix.getpid()))
            self._socket = listener
        except OSError as error:
            self.errno = error.errno or 0

    def read(self) -> None:
        """Take what has come since the last tick."""
        if self._socket is None:
            return
        for _ in range(READS):
            try:
                datagram = self._socket.recv(256)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: some were dropped
                self.missed += 1
                continue
            event = connector.parse(datagram)
            if event is None:
                continue
            what, thread, process, code = event
            if what == connector.EXEC:
                self.execs += 1
            elif what == connector.EXIT and thread == process:
                self.exits += 1
                if len(self._codes) >= CODES_KEPT:
                    self._codes.pop(next(iter(self._codes)))
                self._codes[process] = code

    def exit_code(self, pid: int) -> int | None:
        """How a process ended, as wait(2) tells it; None when that was missed."""
        return self._codes.pop(pid, None)
