"""One pull from one device: reached, told apart, asked for what is new, kept; and gone on with after a break.

Contract: what arrived is kept whatever happens then. A console that falls silent, because the device reboots, swaps or
was stopped, is tried again as long as that brings something, if only a byte; a connection that ends (SSH, a socket) is
not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from lastgasp.pull import PullError, store
from lastgasp.pull.console import Credentials, ShellError
from lastgasp.pull.console.incoming import Reply
from lastgasp.pull.console.shell import Shell
from lastgasp.pull.from_agent import FromAgent, TooOld
from lastgasp.pull.identity import About, Identity, about
from lastgasp.pull.plain import Plain
from lastgasp.pull.progress import Progress
from lastgasp.pull.wires import Wire
from lastgasp.ring import frames

CONSOLE = frames.BASE85, 400  # encoding and bytes of a frame: a fifth more on the wire, and short enough to arrive
PIPE = frames.BASE64, 4096  # nothing gets lost there, and base 64 costs the device less
BREAKS = 3  # one after another that bring nothing


@dataclass(slots=True)
class Options:
    """How to pull. ``ring``: its path on the device, where it is not where the configuration says."""

    folder: Path
    credentials: Credentials
    ring: str | None = None
    last_s: int | None = None
    interrupt: bool = False
    plain: bool = False  # as if there were no agent
    note: Callable[[str], None] = lambda _: None  # told when the device fell silent, and is tried again
    clear: bool = False  # take what is here then off its flash


@dataclass(slots=True)
class Result:
    """What came of it."""

    identity: Identity
    folder: Path
    files: list[Path] = field(default_factory=list)
    new: dict[Path, int] = field(default_factory=dict)  # blocks, by file
    progress: Progress = field(default_factory=Progress)
    with_agent: bool = True
    seconds: float = 0.0
    received: int = 0  # bytes over the wire
    breaks: int = 0
    cleared: bool = False  # what is here was taken off the device's flash
    diverged: bool = False  # the ring was put back to an earlier state; what was kept has another name now


Tell = Callable[[str, Progress], None]


def pull(wire: Wire, options: Options, tell: Tell) -> Result:
    """Everything that is new; ``tell`` is called with the device's name as it goes on. Closes the wire.

    Raises PullError, whose ``kept`` says how many blocks came before that, and OSError of the folder.
    """
    with wire:
        return _Session(wire, options, tell).run()


class _Session:
    def __init__(self, wire: Wire, options: Options, tell: Tell) -> None:
        self.wire, self.options, self.tell = wire, options, tell
        self.result: Result | None = None

    def run(self) -> Result:
        """Conversations until one goes through."""
        started = time.monotonic()
        breaks = idle = heard = 0
        try:
            while True:
                before = self._kept()
                try:
                    result = self._converse(first=not breaks)
                    break
                except store.Diverged as error:
                    self._set_aside(error)
                except ShellError as error:
                    idle = 0 if self._kept() > before else idle + 1
                    silent = breaks and self.wire.received == heard
                    if not self.wire.console or self.result is None or idle > BREAKS or silent:
                        raise
                    breaks, heard = breaks + 1, self.wire.received
                    self.options.note(f"{error}; trying to reach it again")
        except PullError as error:
            error.kept = self._kept()
            raise
        result.seconds, result.received, result.breaks = time.monotonic() - started, self.wire.received, breaks
        return result

    def _kept(self) -> int:
        return self.result.progress.blocks if self.result is not None else 0

    def _converse(self, first: bool) -> Result:
        """One conversation, from the login to the end."""
        with Shell(self.wire, *(CONSOLE if self.wire.console else PIPE)) as shell:
            shell.open(self.options.credentials, self.options.interrupt and first)
            found = about(shell, self.options.ring)
            device = store.device(self.options.folder, found.identity)
            if self.result is None:
                self.result = Result(found.identity, device.path)
            elif device.path != self.result.folder:
                raise PullError(f"{self.wire.name}: another device answers now: {found.identity.host}")
            _fetch(shell, found, device, self.options, self.result, self.tell)
            return self.result

    def _set_aside(self, error: store.Diverged) -> None:
        """Begin that ring anew; but once only, or a device could have us do so for ever."""
        if self.result is None or self.result.diverged:
            raise error
        self.result.diverged = True
        with store.device(self.options.folder, self.result.identity) as device:
            device.set_aside(error.ring)


def _fetch(shell: Shell, found: About, device: store.Device, options: Options, result: Result, tell: Tell) -> None:
    """What is missing, into the device's folder."""
    name = found.identity.host
    total = result.progress

    def told(progress: Progress) -> None:
        tell(name, progress)

    with device:
        progress = Progress()
        try:
            result.with_agent = bool(found.agent) and not options.plain
            if result.with_agent:
                try:
                    way = FromAgent(shell, found, options.ring, device, told)
                    progress = way.progress
                    way.pull(options.last_s)
                except TooOld:
                    result.with_agent = False
            if not result.with_agent:
                plain = Plain(shell, found, device, told)
                progress = plain.progress
                plain.pull(options.last_s)
            if options.clear and not progress.missing:
                _clear(shell, found, options, device, result)
        finally:
            result.files = device.files
            for path, blocks in device.new.items():
                result.new[path] = result.new.get(path, 0) + blocks
            total.blocks += sum(device.new.values())
            total.done_bytes += progress.done_bytes
            total.again += progress.again
            total.missing = progress.missing
            device.remember(shell.wire.name, blocks=progress.blocks, bytes=progress.done_bytes, boot=found.boot)


def _clear(shell: Shell, found: About, options: Options, device: store.Device, result: Result) -> None:
    """Blank on the device what is kept here. Raises PullError, ShellError, WireError."""
    have = device.have()
    if not result.with_agent:
        raise PullError(f"{shell.wire.name}: only lastgasp-agent on the device can clear its ring; nothing was cleared")
    if not have:
        return
    device.settle()
    ring = f" --ring {quote(options.ring)}" if options.ring is not None else ""
    complaint = ""
    for event in shell.run(f"r {quote(found.agent)} clear{ring} --have {quote(have)}"):
        if isinstance(event, Reply):
            complaint = event.complaint
    if shell.status:
        raise PullError(f"{shell.wire.name}: {complaint or 'the device could not clear its ring'}")
    result.cleared = True
