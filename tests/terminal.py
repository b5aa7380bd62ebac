"""A pty with ``lastgasp`` on it: what it draws, keys to press, and how it leaves the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

LASTGASP = Path(__file__).parents[1] / "scripts" / "lastgasp"
PATIENCE_S = 60.0  # of a busy machine
BELOW_CLEARED = "\x1b[J"  # the end of each screen
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pty with the command on it, and what it has drawn."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        term: str = "xterm",
        size: tuple[int, int] = (24, 80),
        program: str = str(LASTGASP),
        path: str = "",
    ) -> None:
        """``path`` goes first in PATH."""
        self.master, self.slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.slave)
        self.drawn = ""
        environment = {"PATH": f"{path}:{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8", "TERM": term}
        self.process = subprocess.Popen(
            [sys.executable, program, *arguments],
            cwd=folder,
            env=environment,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        self.drawn = ""
        os.write(self.master, keys)

    def until(self, seen: Callable[[str], bool], what: str) -> str:
        """Read until what was drawn since the last key says so."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if seen(self.text):
                return self.text
            self.read(0.1)
        raise AssertionError(f"{what} was not seen; at last: {self.text[-500:]!r}")

    def read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            with contextlib.suppress(OSError):
                self.drawn += os.read(self.master, 65536).decode("utf-8", "replace")

    @property
    def text(self) -> str:
        return ESCAPE.sub("", self.drawn)

    @property
    def screen(self) -> list[str]:
        """The lines of the last screen that was drawn whole: of one that is being drawn, a read may end anywhere."""
        whole = self.drawn.rpartition(BELOW_CLEARED)[0]
        return ESCAPE.sub("", whole.rpartition("\x1b[H")[2]).replace("\r", "").split("\n")

    def sees(self, words: str) -> str:
        return self.until(lambda text: words in text, words)

    def end(self) -> int:
        """Its exit status, with everything it had to say read."""
        while self.process.poll() is None:
            self.read(0.05)
        self.read(0)
        return self.process.returncode

    def restored(self) -> bool:
        return termios.tcgetattr(self.slave) == self.before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
