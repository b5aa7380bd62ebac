"""A serial line: /dev/ttyUSB0, or a pty that stands for one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import termios
import tty

from lastgasp.pull.wires import Descriptors, WireError

BAUDS = {int(name[1:]): getattr(termios, name) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}
DEFAULT_BAUD = 115200
REMEDIES = {
    2: "there is no such device; is the adapter plugged in?",
    6: "there is nothing behind this device",
    13: "permission denied; your user may have to be in the group dialout",
    16: "another program has it open exclusively: minicom, screen, a terminal server?",
}


class Tty(Descriptors):
    """The line in raw mode, 8N1, no flow control, for nobody else; its settings are put back at the end."""

    def __init__(self, path: str, baud: int = DEFAULT_BAUD) -> None:
        """Raises WireError."""
        if baud not in BAUDS or not baud:
            near = min((one for one in BAUDS if one), key=lambda one: abs(one - baud))
            raise WireError(f"{path}: this system has no {baud} baud; the nearest is {near}")
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise WireError(f"{path}: {REMEDIES.get(error.errno or 0, error.strerror)}") from None
        try:
            if not stat.S_ISCHR(os.fstat(fd).st_mode) or not os.isatty(fd):
                raise WireError(f"{path}: is no serial line")
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.ioctl(fd, termios.TIOCEXCL)
            except OSError:
                raise WireError(f"{path}: {REMEDIES[16]}") from None
            self._before = termios.tcgetattr(fd)
            tty.setraw(fd, termios.TCSANOW)
            raw = termios.tcgetattr(fd)
            raw[2] = raw[2] & ~(termios.CRTSCTS | termios.CSTOPB | termios.PARENB | termios.HUPCL)
            raw[2] |= termios.CLOCAL | termios.CREAD
            raw[4] = raw[5] = BAUDS[baud]
            termios.tcsetattr(fd, termios.TCSANOW, raw)
        except BaseException:
            os.close(fd)
            raise
        self.baud = baud
        super().__init__(path, True, fd, fd)

    def close(self) -> None:
        """Put the settings back."""
        if self.reading >= 0:
            with contextlib.suppress(OSError, termios.error):
                fcntl.ioctl(self.reading, termios.TIOCNXCL)
                termios.tcsetattr(self.reading, termios.TCSANOW, self._before)
        super().close()
