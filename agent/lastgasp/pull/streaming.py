"""Samples from one device as they are taken: reached, told apart, asked for a stream, left as it was found.

Contract: ``stop`` may be called by another thread at any time: whoever waits for the device then gets a WireError
within half a second, and ``close`` still gives the console back. Nothing is kept of what comes; that is ``follow``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from lastgasp.pull import PullError
from lastgasp.pull.console import Credentials, ShellError
from lastgasp.pull.console.incoming import Frame
from lastgasp.pull.console.login import listen
from lastgasp.pull.console.shell import Shell
from lastgasp.pull.from_agent import USAGE
from lastgasp.pull.identity import Identity, about
from lastgasp.pull.session import CONSOLE, PIPE
from lastgasp.pull.wires import Wire

# On a serial line nobody can tell that we are gone, and over SSH it takes long: the stream ends by itself, and is asked
# for again.
CONSOLE_SPAN, PIPE_SPAN = "3m", "10m"
ABANDONED = re.compile(rb"(?:^|[\r\n]):[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{15,}[\r\n]")  # a frame: our stream still runs
SETTLED_S, BOOT_S = 8.0, 90.0  # a console that says nothing for so long does not boot; that it does for so long at most


class Streaming:
    """One connection. Use it in a ``with``; it closes the wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.shell = Shell(wire, *(CONSOLE if wire.console else PIPE))
        self._stopping = self._leaving = self._closed = False
        self._streams = False  # the agent there is at it
        wire.halted = lambda: self._stopping and not self._leaving

    def __enter__(self) -> Streaming:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, credentials: Credentials, interrupt: bool, again: bool = False) -> tuple[Identity, str]:
        """Reach it; returns who it is and the path of its agent. Raises PullError.

        ``again``: the wire broke before. Then a stream that still runs there is ended, and a device that boots is let:
        what is typed then may stop its boot loader.
        """
        if again and self.wire.console:
            heard = listen(self.wire, SETTLED_S, ABANDONED.search)
            if heard and not ABANDONED.search(heard):
                heard += listen(self.wire, BOOT_S, ABANDONED.search, SETTLED_S)
            interrupt = ABANDONED.search(heard) is not None
        self.shell.open(credentials, interrupt)
        found = about(self.shell, None)
        if not found.agent:
            raise PullError(
                f"{self.wire.name}: there is no lastgasp-agent on the device, and a live view needs one; install it, or"
                " pull what was recorded"
            )
        return found.identity, found.agent

    def frames(self, agent: str, interval_ms: int) -> Iterator[Frame]:
        """One stream, until the device ends it after its time. Raises PullError."""
        span = CONSOLE_SPAN if self.wire.console else PIPE_SPAN
        said = ""
        self._streams = True
        command = f"r {quote(agent)} dump --follow {self.shell.form} --interval {interval_ms}ms --for {span}"
        for event in self.shell.run(command, frames=True):
            if isinstance(event, Frame):
                yield event
            else:
                said = event.complaint.strip()
        self._streams = False
        if self.shell.status == USAGE:
            raise PullError(f"{self.wire.name}: the agent there is too old for a live view: {said or 'it refuses'}")
        if self.shell.status:
            raise ShellError(f"{self.wire.name}: {said or f'the agent there ended with status {self.shell.status}'}")

    def stop(self) -> None:
        """End it soon."""
        self._stopping = True

    def close(self) -> None:
        """Give everything back. Never raises."""
        if self._closed:
            return
        self._closed = self._leaving = True
        if self._streams:
            self.shell.interrupt()
        self.shell.close()
        self._leaving, self._stopping = False, True  # ssh has nothing more to say that is worth waiting for
        self.wire.close()
