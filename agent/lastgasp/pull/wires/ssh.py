"""A shell through the user's own ssh(1), with its configuration, agent, jump hosts and questions.

Contract: what the user wrote reaches ssh as one argument that cannot be an option, and never a shell. ssh asks for
passwords and unknown hosts on the terminal itself. What comes on its standard error, from ssh or from the device, is
never shown as it is: ``tell`` gets it line by line, as much as a person may want to read; without ``tell``, what came
last is in the error that is raised when the wire breaks. The exit status always is.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Callable

from lastgasp.pull.wires import Descriptors, WireError

END_S = 5.0
FAILED = 255  # ssh's own failure; other statuses are the remote command's
TAIL, TOLD = 4096, 600  # bytes of standard error that are kept, letters that are told
LINES = 100  # of standard error that are told at most: a device may write there without end
LOOK_S, LAST_S = 0.2, 1.0  # between looks whether the wire was closed; for what is still in the pipe when ssh is gone
SHELL = "exec sh"  # whatever the login shell is


class Ssh(Descriptors):
    """ssh as a child, with the remote shell's input and output."""

    def __init__(
        self,
        host: str,
        port: int | None = None,
        batch: bool = False,
        program: str = "ssh",
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """``batch``: nobody is there to answer questions. ``tell`` is called in a thread. Raises WireError."""
        if not host or host.startswith("-") or any(c.isspace() or not c.isprintable() for c in host):
            raise WireError(f"{host!r} is no host name")
        command = [program, "-T", "-o", "ServerAliveInterval=15"]
        # What the user's configuration may want besides, for shells of his own.
        command += ["-o", "RemoteCommand=none", "-o", "ClearAllForwardings=yes"]
        command += ["-o", "BatchMode=yes"] if batch else []
        command += ["-p", str(port)] if port is not None else []
        try:
            self._child = subprocess.Popen(
                [*command, "--", host, SHELL],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
        except OSError as error:
            raise WireError(f"{program}: {error.strerror}; install an SSH client") from None
        assert self._child.stdin is not None and self._child.stdout is not None and self._child.stderr is not None
        super().__init__(host, False, self._child.stdout.fileno(), self._child.stdin.fileno())
        self._tell = tell
        self._said = b""  # the end of it
        self._closed = False
        self._reader = threading.Thread(target=self._drain, args=(self._child.stderr.fileno(),), daemon=True)
        self._reader.start()

    def _drain(self, errors: int) -> None:
        """Take what comes on standard error, lest ssh wait for us.

        It may stay open when ssh is gone: a master for more connections (ControlPersist) holds it.
        """
        line, told = b"", 0
        while not self._closed:
            if not select.select([errors], [], [], LOOK_S)[0]:
                continue
            data = os.read(errors, TAIL)
            self._said = (self._said + data)[-TAIL:]
            if self._tell is not None and told < LINES:
                *whole, line = (line + data).splitlines(keepends=True) or [b""]
                if not data or len(line) >= TAIL or line.endswith(b"\n"):
                    whole, line = [*whole, line], b""
                for one in [text for text in whole if text.strip()][: LINES - told]:
                    self._tell(one.decode("utf-8", "replace").rstrip())
                    told += 1
                if told == LINES:
                    self._tell("(more is not shown)")
            if not data:
                break

    def why(self, reason: str) -> str:
        """What ssh said last, and its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(END_S)
            self._reader.join(LAST_S)
        said = self._last_words() if self._tell is None else ""
        status = self._child.returncode
        if status is None:
            return reason
        told = f"ssh ended with status {status}" + (" (its own failure)" if status == FAILED else "")
        return f"{told}: {said}" if said else told

    def _last_words(self) -> str:
        lines = self._said.decode("utf-8", "replace").splitlines()
        return "; ".join(line.strip() for line in lines if line.strip())[-TOLD:]

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
        self._reader.join(LAST_S)
        self._closed = True
        self._reader.join()
        if self._child.stderr is not None:
            self._child.stderr.close()
