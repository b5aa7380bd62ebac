"""A shell through the user's own ssh(1), with its configuration, agent, jump hosts and questions.

Contract: what the user wrote reaches ssh as one argument that cannot be an option, and never a shell. ssh asks for
passwords and unknown hosts on the terminal itself, and explains itself on our standard error; where nobody is there to
read that (``batch``), what it said last is in the error that is raised when the wire breaks. Its exit status always is.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from typing import IO

from lastgasp.pull.wires import Descriptors, WireError

END_S = 5.0
FAILED = 255  # ssh's own failure; other statuses are the remote command's
TAIL, TOLD = 4096, 600  # bytes that are looked at, letters that are told
SHELL = "exec sh"  # whatever the login shell is


class Ssh(Descriptors):
    """ssh as a child, with the remote shell's input and output."""

    def __init__(self, host: str, port: int | None = None, batch: bool = False, program: str = "ssh") -> None:
        """``batch``: nobody is there to answer questions. Raises WireError."""
        if not host or host.startswith("-") or any(c.isspace() or not c.isprintable() for c in host):
            raise WireError(f"{host!r} is no host name")
        command = [program, "-T", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15"]
        command += ["-o", "BatchMode=yes"] if batch else []
        command += ["-p", str(port)] if port is not None else []
        self._complaints: IO[bytes] | None = None
        if batch:
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the wire
        try:
            self._child = subprocess.Popen(
                [*command, "--", host, SHELL],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                bufsize=0,
            )
        except OSError as error:
            self._forget()
            raise WireError(f"{program}: {error.strerror}; install an SSH client") from None
        assert self._child.stdin is not None and self._child.stdout is not None
        super().__init__(host, False, self._child.stdout.fileno(), self._child.stdin.fileno())

    def why(self, reason: str) -> str:
        """What ssh said last, and its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(END_S)
        said = self._last_words()
        status = self._child.returncode
        if status is None:
            return reason
        told = f"ssh ended with status {status}" + (" (its own failure)" if status == FAILED else "")
        return f"{told}: {said}" if said else told

    def _last_words(self) -> str:
        if self._complaints is None:
            return ""
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, size - TAIL))
        lines = self._complaints.read().decode("utf-8", "replace").splitlines()
        return "; ".join(line.strip() for line in lines if line.strip())[-TOLD:]

    def _forget(self) -> None:
        if self._complaints is not None:
            self._complaints.close()
            self._complaints = None

    def close(self) -> None:
        """End ssh: at once where all shall end."""
        if self.reading < 0:
            return
        self.reading = self.writing = -1
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self.halted():
            self._child.terminate()
        try:
            self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            self._child.terminate()
            try:
                self._child.wait(END_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._forget()
