"""Thresholds: each crossing becomes one event in the ring and one line in the system log, and so does its end.

An alert ends only when its value is well clear of the threshold (hysteresis) and has kept off it for CALM_MS, so
that a value that hovers there, or comes and goes, does not fill the log. No program is started: lines go to /dev/log
as datagrams, and to /dev/kmsg if configured, where they show on the serial console.
"""

import _socket
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config
    from lastgasp.ring.encoder import Encoder

CALM_MS = 60_000
SYSLOG = "/dev/log"
CONSOLE = b"/dev/kmsg"
SYSLOG_PRIORITY = b"<28>"  # daemon.warning


class Alerts:
    """Which alerts are raised, and where they are told."""

    def __init__(self, encoder: "Encoder", config: "Config") -> None:
        self.encoder = encoder
        self.config = config
        self.raised: dict[bytes, int] = {}  # name, and when its value was beyond the threshold last

    def level(self, now_ms: int, name: bytes, value: int | None, threshold: int, text: bytes, low: bool) -> None:
        """Judge one value; ``low`` alerts when it falls below. A threshold of 0 never alerts, None changes nothing."""
        if value is None:
            return
        if not threshold:
            beyond, clear = False, True
        elif low:
            beyond, clear = value < threshold, value > threshold + threshold // 4
        else:
            beyond, clear = value >= threshold, value < threshold - threshold // 4
        if beyond:
            if name not in self.raised:
                self.tell(now_ms, b"alert", name, text)
            self.raised[name] = now_ms
        elif clear and name in self.raised and now_ms - self.raised[name] >= CALM_MS:
            del self.raised[name]
            self.tell(now_ms, b"alert.end", name, text)

    def tell(self, now_ms: int, kind: bytes, name: bytes, text: bytes) -> None:
        """One event, one line."""
        self.encoder.event(now_ms, kind, [(b"name", name), (b"text", text)])
        line = b"lastgasp: " + (b"" if kind == b"alert" else b"over: ") + text
        if self.config.alert_syslog:
            try:
                log = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
                try:
                    log.sendto(SYSLOG_PRIORITY + line, SYSLOG)
                finally:
                    log.close()
            except OSError:
                pass  # no syslog: the ring has it
        if self.config.alert_console:
            try:
                console = posix.open(CONSOLE, posix.O_WRONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
                try:
                    posix.write(console, b"<4>" + line + b"\n")
                finally:
                    posix.close(console)
            except OSError:
                pass


def printable(name: bytes) -> bytes:
    """A name that may hold anything, fit for a log line."""
    return bytes([byte if 32 <= byte < 127 else 63 for byte in name])
