"""The whole terminal for a while: its alternate screen, keys without Enter, its size, and all of it given back.

With ANSI sequences and termios, not curses: these work on a serial line, and a size that changes is a number that
changes. The terminal is given back at the end of the ``with``, whatever ends it; SIGINT, SIGTERM and SIGHUP end it in
order (``ended`` is the signal); at Ctrl-Z it is given back until the job goes on.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty
from types import FrameType, TracebackType
from typing import TextIO

from lastgasp.cli.keyboard import keys

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # alternate screen, no cursor, no wrapping
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
ESC_WAIT_S = 0.05  # after which an ESC was the key and not the beginning of a sequence
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def possible() -> bool:
    """Is there a terminal to read from and to draw on?"""
    return (
        sys.stdin is not None
        and sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in ("", "dumb")
    )


class FullScreen:
    """A context in which the terminal is ours."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.fd = sys.stdin.fileno()
        self.ended: int | None = None
        self.resized = False
        self._suspend = False
        self._rest = b""
        self._modes: list[object] = []
        self._handlers: dict[int, object] = {}
        self._wake = (-1, -1)

    def __enter__(self) -> FullScreen:
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._modes = termios.tcgetattr(self.fd)
        for number in (*ENDING, signal.SIGWINCH, signal.SIGTSTP):
            self._handlers[number] = signal.signal(number, self._on_signal)
        try:
            self._take()
        except BaseException:
            self._give()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        for fd in self._wake:
            os.close(fd)

    def _take(self) -> None:
        tty.setcbreak(self.fd, termios.TCSANOW)
        self.out.write(ENTER)
        self.out.flush()

    def _give(self) -> None:
        try:
            self.out.write(LEAVE)
            self.out.flush()
        except OSError:  # the terminal is gone
            pass
        try:
            termios.tcsetattr(self.fd, termios.TCSANOW, self._modes)  # type: ignore[arg-type]
        except termios.error:
            pass

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGWINCH:
            self.resized = True
        elif number == signal.SIGTSTP:
            self._suspend = True
        else:
            self.ended = number
        try:
            os.write(self._wake[1], b"x")
        except OSError:  # it is full: somebody will look
            pass

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        try:
            found = os.get_terminal_size(self.out.fileno())
        except OSError:
            found = shutil.get_terminal_size()
        return found.columns or 80, found.lines or 24

    def show(self, text: list[str]) -> None:
        """These lines, and nothing else."""
        # Cleared before it is written: behind the last column that would take the last letter.
        self.out.write(HOME + "\r\n".join(CLEAR_LINE + line for line in text) + CLEAR_BELOW)
        self.out.flush()

    def wait(self, seconds: float | None) -> list[str]:
        """Keys that were pressed; empty after so long, when the size changed, a signal ended it, or it slept."""
        if self._suspend:
            self._sleep()
            return []
        timeout = ESC_WAIT_S if self._rest else seconds
        ready, _, _ = select.select([self.fd, self._wake[0]], [], [], timeout)
        if self._wake[0] in ready:
            os.read(self._wake[0], 4096)
        data = b""
        if self.fd in ready:
            try:
                data = os.read(self.fd, 1024)
            except OSError:
                pass
            if not data:  # hung up
                self.ended = self.ended or signal.SIGHUP
        found, self._rest = keys(self._rest + data, bool(data))
        return found

    def _sleep(self) -> None:
        """Ctrl-Z."""
        self._suspend = False
        self._give()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._on_signal)  # we go on
        self._take()
        self.resized = True
