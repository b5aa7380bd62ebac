"""Telling systemd how the agent is: sd_notify(3), the datagrams of NOTIFY_SOCKET, and its watchdog.

Loaded only where the environment names a socket. Costs then: this module, one socket, and one system call a quarter
of the watchdog's time. Whoever does not listen changes nothing for the agent.
"""

import _socket
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Notify:
    """Says READY=1, WATCHDOG=1 and STOPPING=1 where they are waited for."""

    __slots__ = ("_address", "_due_ms", "_socket", "_status", "period_ms")

    def __init__(self, environment: "Mapping[bytes, bytes]") -> None:
        """``environment`` has NOTIFY_SOCKET, and where the watchdog is on WATCHDOG_USEC, WATCHDOG_PID."""
        address = environment[b"NOTIFY_SOCKET"]
        self._address = b"\0" + address[1:] if address.startswith(b"@") else address
        self._status = b""  # the last that was said
        self._due_ms = 0
        try:
            pid = int(environment.get(b"WATCHDOG_PID", b"%d" % posix.getpid()))
            usec = int(environment.get(b"WATCHDOG_USEC", b"0"))
        except ValueError:
            pid = usec = 0
        self.period_ms = max(1, usec // 4000) if usec > 0 and pid == posix.getpid() else 0
        """Time between two WATCHDOG=1; 0: nobody asks for them."""
        self._socket: _socket.socket | None = None
        try:
            self._socket = _socket.socket(
                _socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
            )
        except OSError:
            pass

    def say(self, text: bytes) -> None:
        """Send a line or more; who cannot be reached just does not hear it."""
        if self._socket is not None:
            try:
                self._socket.sendto(text, self._address)
            except OSError:
                pass

    def is_up(self, status: bytes) -> None:
        """Nobody needs to wait for the agent; ``systemctl status`` shows ``status``. Says nothing twice."""
        if status != self._status:
            first, self._status = not self._status, status
            self.say((b"READY=1\nSTATUS=" if first else b"STATUS=") + status.replace(b"\n", b" "))

    def beat(self, now: int, until: int) -> int:
        """Say WATCHDOG=1 if that is due at ``now``; gives the time back to be called again, ``until`` at the latest."""
        if not self.period_ms:
            return until
        if now >= self._due_ms:
            self._due_ms = now + self.period_ms
            self.say(b"WATCHDOG=1")
        return min(until, self._due_ms)
