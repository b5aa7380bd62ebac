"""Starting processes so that none is left behind.

Contract: whatever way ``Children`` is left, each process that it started has been asked to end (SIGTERM), then
made to (SIGKILL), by its pid, and waited for. Should this process itself be killed, the kernel kills them
(PR_SET_PDEATHSIG). They get a small environment of their own, so that nothing of the bench's reaches a peer.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE_S = 5
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


class ChildError(Exception):
    """A process that is measured ended by itself or never became ready; str() says which and why."""


def die_with_parent() -> None:
    """In a new child: be killed when the process that started it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Children:
    """Processes that live no longer than a ``with`` block; the last one started ends first."""

    def __init__(self, folder: str) -> None:
        """``folder`` takes what they print."""
        self.folder = Path(folder)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, _ in reversed(list(self._running)):  # who watches must not see the watched go
            self.end(name)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start ``command``; what it prints goes to NAME.out in the folder unless ``stdout`` is a pipe."""
        with open(self.folder / f"{name}.out", "ab") as output:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output if stdout is None else stdout,
                stderr=output,
                env={"PATH": PATH, "LC_ALL": "C", **(environment or {})},
                preexec_fn=die_with_parent,
            )
        self._running.append((name, process))
        return process

    def check(self) -> None:
        """Raises ChildError when one of them has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                raise ChildError(f"{name} ended with status {process.returncode}: {self.last_words(name)}")

    def last_words(self, name: str) -> str:
        """The last line that a child printed."""
        lines = (self.folder / f"{name}.out").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "(it said nothing)"

    def end(self, name: str) -> int:
        """End one and wait for it; returns its exit status."""
        process = next(child for known, child in self._running if known == name)
        self._running = [(known, child) for known, child in self._running if child is not process]
        for stream in (process.stdin, process.stdout):
            _close(stream)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        try:
            stream.close()
        except BrokenPipeError:
            pass
