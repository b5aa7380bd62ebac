"""A wire to the guest's serial line: at a baud rate, on a pty, a unix socket or a TCP port, for whoever comes.

QEMU emulates no baud rate, and a guest whose serial line nobody reads stops altogether. So this stands in between
from the first moment: it reads QEMU always, and gives each byte its time, ten bits of it, in both directions. What
the guest says is kept from going faster, as by the transmitter of a UART. What nobody listens to is lost, as on a
real wire, and so is what a listener does not take in time (LATE_BYTES). One listener at a time: the last that came.
"""

import os
import select
import socket
import termios
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

BITS_A_BYTE = 10
QUEUE_BYTES = 4096
"""As the kernel's buffer before a UART."""
LATE_BYTES = 1 << 16
"""As the kernel's buffer behind a USB adapter."""
BURST_S = 0.05
"""A thread that woke late catches up with so much: on a busy host the wire must not become slower than it is."""
TURN_S = 0.002
IDLE_S = 0.05

Spoil = Callable[[bytes], bytes]


@dataclass(slots=True)
class Counts:
    """Bytes since the start, or since they were taken last."""

    to_laptop: int = 0
    to_device: int = 0
    unheard: int = 0
    """Said by the guest while nobody listened."""
    late: int = 0
    """Lost because the listener did not read."""


class _Pace:
    """Bytes of one direction, each let through when its time has come."""

    def __init__(self, baud: int | None) -> None:
        self.queue = bytearray()
        self._byte_s = BITS_A_BYTE / baud if baud else 0.0
        self._due = 0.0

    def full(self) -> bool:
        return len(self.queue) >= QUEUE_BYTES

    def take(self, now: float) -> bytes:
        """What may go now."""
        if not self._byte_s:
            data = bytes(self.queue)
            self.queue.clear()
            return data
        self._due = max(self._due, now - BURST_S)
        count = min(int((now - self._due) / self._byte_s), len(self.queue))
        if not self.queue:
            self._due = max(self._due, now)  # time in which nothing was sent is over
        data = bytes(self.queue[:count])
        del self.queue[:count]
        self._due += count * self._byte_s
        return data


class Wire:
    """Give ``for_qemu`` to QEMU, and the name that one of the ``as_…`` methods returns to whoever is to connect.

    ``baud`` may be None: as fast as QEMU is. All that the guest says is written to ``log``. ``spoil_output`` and
    ``spoil_input`` are given each piece before it goes to the laptop or to the device, and return what arrives.
    """

    def __init__(self, baud: int | None = None, log: IO[bytes] | None = None) -> None:
        self.counts = Counts()
        self.baud = baud
        self.spoil_output: Spoil | None = None
        self.spoil_input: Spoil | None = None
        self._qemu, self.for_qemu = socket.socketpair()
        self._qemu.setblocking(False)
        self._log = log
        self._output, self._input = _Pace(baud), _Pace(baud)
        self._servers: list[socket.socket] = []
        self._paths: list[Path] = []
        self._client: socket.socket | None = None
        self._ptys: list[tuple[int, str]] = []
        self._late = bytearray()
        self._lock = threading.Lock()
        self._gone = False
        self._end = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def as_unix(self, path: Path) -> str:
        """Listen on a unix socket, which anybody may connect to."""
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        self._paths.append(path)
        self._listen(server)
        return f"unix:{path}"

    def as_tcp(self) -> str:
        """Listen on a port of the loopback interface."""
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        self._listen(server)
        return f"tcp:127.0.0.1:{server.getsockname()[1]}"

    def as_pty(self) -> str:
        """Make a pseudo-terminal; return the path of its slave. Like QEMU's own, it is raw before it is first used."""
        master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(master, False)
        with self._lock:
            self._ptys.append((master, path))
        return path

    def change(self, baud: int | None) -> None:
        """Go on at another speed."""
        with self._lock:
            self.baud = baud
            for pace in ("_output", "_input"):
                old: _Pace = getattr(self, pace)
                new = _Pace(baud)
                new.queue = old.queue
                setattr(self, pace, new)

    def take_counts(self) -> Counts:
        """Return the counts and begin anew."""
        with self._lock:
            counts, self.counts = self.counts, Counts()
        return counts

    def hang_up(self) -> None:
        """Cut off the listener on a socket; it may come again."""
        with self._lock:
            self._drop_client()

    def close(self) -> None:
        """Take it all away."""
        self._end = True
        self._thread.join()
        self._drop_client()
        for server in self._servers:
            server.close()
        for path in self._paths:
            path.unlink(missing_ok=True)
        for master, _ in self._ptys:
            os.close(master)
        self._qemu.close()
        self.for_qemu.close()

    def _listen(self, server: socket.socket) -> None:
        server.listen(1)
        server.setblocking(False)
        with self._lock:
            self._servers.append(server)

    def _drop_client(self) -> None:
        if self._client:
            self._client.close()
            self._client = None
            self._late.clear()

    def _run(self) -> None:
        while not self._end:
            with self._lock:
                busy = self._turn()
                waiting: list[socket.socket | int] = [*self._servers]
                waiting += [self._qemu] if not self._output.full() and not self._gone else []
                if self._client and not self._input.full():
                    waiting.append(self._client)
                waiting += [master for master, _ in self._ptys if _opened(master)]
            if busy:
                time.sleep(TURN_S)
            else:
                try:
                    select.select(waiting, [], [], IDLE_S)
                except (OSError, ValueError):  # one was closed meanwhile
                    continue

    def _turn(self) -> bool:
        """Move what may move; whether something is on its way."""
        for server in self._servers:
            if client := _accept(server):
                self._drop_client()
                self._client = client
        if not self._output.full() and (data := _receive(self._qemu)) is not None:
            self._gone = not data  # a device that is off says nothing; the wire is still there
            self._output.queue += data
            if self._log:
                self._log.write(data)
                self._log.flush()
        if not self._input.full():
            self._hear()
        now = time.monotonic()
        self._say(self._output.take(now))
        data = self._input.take(now)
        if data and self.spoil_input:
            data = self.spoil_input(data)
        self.counts.to_device += len(data)
        left = data[_send(self._qemu, data) :]
        self._input.queue[:0] = left
        self.counts.to_device -= len(left)
        return bool(self._output.queue or self._input.queue or self._late)

    def _hear(self) -> None:
        """Take what the laptop sends."""
        if self._client:
            data = _receive(self._client)
            if data == b"":
                self._drop_client()
            else:
                self._input.queue += data or b""
        for master, _ in self._ptys:
            if _opened(master):
                try:
                    self._input.queue += os.read(master, QUEUE_BYTES)
                except OSError:  # nothing there, or just closed
                    pass

    def _say(self, data: bytes) -> None:
        """Give the laptop what the guest has said."""
        if data and self.spoil_output:
            data = self.spoil_output(data)
        opened = [master for master, _ in self._ptys if _opened(master)]
        if self._client is None and not opened:
            self.counts.unheard += len(data)
            self._late.clear()
            return
        self.counts.to_laptop += len(data)
        room = LATE_BYTES - len(self._late)
        self.counts.late += max(0, len(data) - room)
        self._late += data[:room]
        sent = len(self._late)
        if self._client:
            sent = _send(self._client, bytes(self._late))
        elif self._late:
            try:
                sent = os.write(opened[-1], self._late)
            except OSError:
                sent = 0
        del self._late[:sent]


def _accept(server: socket.socket) -> socket.socket | None:
    try:
        client = server.accept()[0]
    except BlockingIOError:
        return None
    client.setblocking(False)
    if client.family == socket.AF_INET:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _receive(line: socket.socket) -> bytes | None:
    """What has come: nothing at all at its end, None when there is nothing yet."""
    try:
        return line.recv(QUEUE_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _send(line: socket.socket, data: bytes) -> int:
    """How much of it went; who is gone gets all."""
    try:
        return line.send(data) if data else 0
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


def _opened(master: int) -> bool:
    """Whether somebody has the slave open."""
    poll = select.poll()
    poll.register(master, select.POLLIN)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))
