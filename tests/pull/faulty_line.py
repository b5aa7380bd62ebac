"""A serial line with a shell of this machine behind it, and something between that makes it bad.

``Line.path`` is what a pull opens: a pty, as a USB adapter would be. Behind it are two threads, one a direction, that
carry bytes at a baud rate and through ``faults.Faults``; behind them another pty, which the device's programs have as
their console: a shell, or ``getty.py``, which asks for a login first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import struct
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

PIECE = 512  # bytes at a time where no baud rate says less
LATEST_S = 0.05  # a line that was idle does not catch up for longer
END_S = 5.0
QUIET_S = 0.2

Change = Callable[[bytes], bytes]


class Line:
    """Use it in a ``with``."""

    def __init__(
        self,
        program: list[str],
        environment: dict[str, str],
        folder: Path,
        down: Change | None = None,
        up: Change | None = None,
        baud: int | None = None,
        columns: int = 80,
    ) -> None:
        """``down``: from the device. ``baud``: 10 bits a byte; None: as fast as it goes."""
        self._master, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        tty.setraw(self._slave)
        self.device, self.console = os.openpty()
        fcntl.ioctl(self.console, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        self.carried = [0, 0]  # bytes down, up
        self.heard = bytearray()  # what the device was sent, as it arrived there
        self._deaf = False  # nobody took anything just now
        self._stop = threading.Event()
        self.child = subprocess.Popen(
            [shutil.which("setsid") or "setsid", "--ctty", *program],
            stdin=self.console,
            stdout=self.console,
            stderr=self.console,
            env=environment,
            cwd=folder,
        )
        self._threads = [
            threading.Thread(target=self._carry, args=(self.device, self._master, down, baud, 0), daemon=True),
            threading.Thread(target=self._carry, args=(self._master, self.device, up, baud, 1), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.child.kill()
        self.child.wait()
        for fd in (self._master, self._slave, self.device, self.console):
            if fd >= 0:
                os.close(fd)

    def _carry(self, source: int, target: int, change: Change | None, baud: int | None, way: int) -> None:
        piece = max(1, baud // 10 // 100) if baud else PIECE
        free_s = time.monotonic()
        while not self._stop.is_set():
            if not select.select([source], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(source, piece)
            except OSError:
                return
            self.carried[way] += len(data)
            data = change(data) if change is not None else data
            if baud:
                free_s = max(free_s, time.monotonic() - LATEST_S) + len(data) * 10 / baud
                time.sleep(max(0.0, free_s - time.monotonic()))
            if way:
                self.heard += data
            with contextlib.suppress(OSError):
                self._write(target, data)

    def _write(self, target: int, data: bytes) -> None:
        """All of it; what nobody takes is lost, as it is where nobody listens to a serial line."""
        while data and not self._stop.is_set():
            self._deaf = not select.select([], [target], [], 0 if self._deaf else END_S)[1]
            if self._deaf:
                return
            data = data[os.write(target, data) :]

    def quiet(self) -> None:
        """Wait until the device said something (its prompt) and then nothing for a while."""
        until = time.monotonic() + END_S
        while time.monotonic() < until:
            before = self.carried[0]
            time.sleep(QUIET_S)
            if before and before == self.carried[0]:
                return

    def settings(self) -> list[object]:
        """The device's terminal as it is set."""
        return termios.tcgetattr(self.console)

    def type(self, text: bytes) -> None:
        """As somebody who sat at this line before."""
        os.write(self.device, text)

    def hang_up(self) -> None:
        """Pull out the cable, on the laptop's side."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        os.close(self._master)
        self._master = -1
