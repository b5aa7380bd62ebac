"""Commands for a device, whatever the wire: sent until they arrived whole, answered by lines that prove themselves.

Contract: ``open`` ends with the listener running (see ``listener``), or raises; ``run`` gives the events of one
command as they come, and its exit status at the end; ``close`` puts back what was changed, and logs out if it was us
who logged in. A line that says nothing for too long, or only noise, ends a command with ShellError. Nothing is sent
that the device does not run whole: what is typed before the listener can check it is checked piece by piece.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from lastgasp.pull.console import Credentials, Garbled, ShellError, last_words, listener
from lastgasp.pull.console.incoming import Frame, Incoming, Reply
from lastgasp.pull.console.loading import load
from lastgasp.pull.console.login import BOOTS, CTRL_C, ENTER, KILL_LINE, LOGIN, listen, reach
from lastgasp.pull.wires import Wire, WireError

SILENCE_S = 20.0  # without an event: the device is taken to be gone
ASK_S = 1.0  # without an event, at first: then it is asked whether the command runs; Python starts in 2 s on some
CONNECT_S = 120.0  # for ssh: somebody may be looking for a password
BYE_S = 3.0
END_S = 20.0  # for giving a console back where all shall end
LOGOUTS = 3  # tries
TRIES = 8  # of one command
REPLIES = 10_000  # of one command; frames are no replies
LONGEST = 4000  # bytes of a command: a terminal cuts lines of more than 4,095
ROOM, LEAST_ROOM = 2000, 100  # of it for what can be said with more commands, too
DIGITS = 10  # of a number that may be ours
READY, DONE, AGAIN, LEFT = b"ready", b"done", b"again", b"bye"


class Shell:
    """A conversation. Use it in a ``with``: what was changed on the device is put back."""

    def __init__(self, wire: Wire, base: int, size: int) -> None:
        """``base`` and ``size`` of the frames that will be asked for (ring.frames)."""
        self.wire = wire
        self.word = os.urandom(4).hex()
        self.incoming = Incoming(self.word.encode(), base, size)
        self.status = 0  # exit status of the last command
        self.room = ROOM  # bytes; a line garbles with its length
        self._number = 0
        # How far it got on the device, for what has to be undone.
        self._logged_in = False
        self._nested = False  # a shell of ours was started
        self._evaluated = False  # the listener was, and may listen unheard
        self._listening = False
        self._running = False  # a command
        self._boots = False  # the device does: nothing may be typed

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- coming and going ----------------------------------------------------------------------------------

    def open(self, credentials: Credentials, interrupt: bool = False) -> None:
        """Reach a shell and have it listen. Raises ShellError, WireError."""
        text = listener.script(self.word, self.wire.console)
        if self.wire.console:
            try:
                self._logged_in = reach(self.wire, credentials, interrupt, self._entered)
            except ShellError:
                self._logged_in = False
                raise
            self._logged_in |= load(self.wire, text, credentials, self)
        else:
            self.wire.write(text.encode() + b"\n")
            if not self.started(CONNECT_S):
                raise ShellError(f"{self.wire.name}: no shell answers; it said last: {self._last()}")

    def _entered(self) -> None:
        self._logged_in = True

    def nested(self) -> None:
        """A shell of ours is started now."""
        self._nested = True

    def evaluated(self) -> None:
        """The listener is started now."""
        self._evaluated = True

    def started(self, patience_s: float) -> bool:
        """Does the listener say that it listens? It is asked, too: what it says first may be lost."""
        until = time.monotonic() + patience_s
        while not self._listening and (left := until - time.monotonic()) > 0:
            self._listening = bool(self._hears((READY, AGAIN), min(left, ASK_S)))
            if not self._listening and self.wire.console:
                self.wire.write(listener.question(0))
        return self._listening

    def _hears(self, kinds: tuple[bytes, ...], patience_s: float) -> bytes:
        """Which of these kinds of replies; b"": none in time."""
        until = time.monotonic() + patience_s
        while (left := until - time.monotonic()) > 0:
            for event in self.incoming.feed(self.wire.read(left)):
                if isinstance(event, Reply) and event.text.split(b" ")[0] in kinds:
                    return event.text.split(b" ")[0]
        return b""

    def close(self) -> None:
        """Put the terminal and the log level back; log out if it was us who logged in. Never raises."""
        if self._boots:
            return
        with contextlib.suppress(WireError), self._unhalted():
            if self._listening or self._evaluated:
                self.interrupt(self._running or not self._listening)
            elif self._nested:
                self.wire.write(KILL_LINE + b" exit" + ENTER)
            for _ in range(LOGOUTS if self._logged_in else 0):
                self._logged_in = False
                listen(self.wire, BYE_S, quiet_s=0.2)
                self.wire.write(KILL_LINE + b" exit" + ENTER)
                seen = listen(self.wire, BYE_S, LOGIN.search, quiet_s=1.0)
                if LOGIN.search(seen) or not seen:
                    break

    @contextlib.contextmanager
    def _unhalted(self) -> Iterator[None]:
        """Where all shall end, a console is given back still, for a few seconds; a connection just ends."""
        halted, until = self.wire.halted, time.monotonic() + END_S
        if self.wire.console:
            self.wire.halted = lambda: halted() and time.monotonic() > until
        try:
            yield
        finally:
            self.wire.halted = halted

    def interrupt(self, runs: bool = True) -> None:
        """End the command, if one ``runs``, and the listener, which puts everything back. Never raises."""
        self._listening = self._running = self._nested = self._evaluated = False
        if self._boots:
            return
        with contextlib.suppress(WireError):
            if runs and self.wire.console:
                self.wire.write(CTRL_C)
                if self._hears((LEFT,), BYE_S / 2):
                    return
            self._number += 1
            said = AGAIN
            for _ in range(TRIES):
                self._send(listener.BYE)
                said = self._hears((LEFT, AGAIN), BYE_S)
                if said != AGAIN:
                    break
            if said != LEFT and self.wire.console:
                self.wire.write(CTRL_C)
                listen(self.wire, BYE_S, quiet_s=0.3)

    # -- commands ------------------------------------------------------------------------------------------

    @property
    def form(self) -> str:
        """How ``lastgasp-agent dump`` is told which frames are awaited."""
        return f"--frames {self.word} --base {self.incoming.base} --size {self.incoming.size}"

    def run(self, command: str, frames: bool = False) -> Iterator[Frame | Reply]:
        """What the command says, ``frames`` only if they are asked for; then ``status`` is its exit status.

        Raises ShellError, Garbled, WireError.

        ``command`` is one line of shell, and runs once, however often it has to be sent. What it says may be lost.
        """
        self._number += 1
        if len(command) > LONGEST:
            raise ValueError(f"a command of {len(command)} bytes")
        replies = 0
        resent = 0
        asked_s = ASK_S
        self._running = True
        self.incoming.forget_noise()
        self._send(command)
        last = spoke = time.monotonic()  # when something came; when we said something
        while (now := time.monotonic()) - last < SILENCE_S:
            if self.wire.console and BOOTS.search(self.incoming.noise):
                self._boots = True
                raise ShellError(f"{self.wire.name}: the device boots")
            if now >= max(last, spoke) + asked_s:
                self.wire.write(listener.question(self._number))
                spoke = now
                asked_s *= 2
            for event in self.incoming.feed(self.wire.read(min(asked_s, SILENCE_S))):
                if isinstance(event, Frame):
                    if frames:
                        last = time.monotonic()
                        yield event
                    continue
                last = time.monotonic()
                replies += 1
                if replies > REPLIES:
                    raise ShellError(f"{self.wire.name}: the device talks without end")
                kind, _, rest = event.text.partition(b" ")
                if kind == DONE:
                    number, _, status = rest.partition(b" ")
                    if number == b"%d" % self._number and status.isdigit() and len(status) < DIGITS:
                        self.status = int(status)
                        self._running = False
                        return
                elif kind == AGAIN:
                    if not _earlier(rest, self._number):
                        resent += 1
                        self.room = max(LEAST_ROOM, self.room // 2)
                        if resent > TRIES:
                            self._running = False
                            raise Garbled(f"{self.wire.name}: the line garbles too much: no command arrives whole")
                        asked_s = ASK_S
                        self._send(command)
                        spoke = last
                elif kind not in (READY, LEFT):
                    yield event
        self._listening = False
        raise ShellError(f"{self.wire.name}: the device does not answer any more; it said last: {self._last()}")

    def _send(self, command: str) -> None:
        self.wire.write(listener.command_line(self._number, command, self.incoming.proof))

    def _last(self) -> str:
        return last_words(self.incoming.noise) or "nothing"


def _earlier(said: bytes, number: int) -> bool:
    """Is it about a command before this one?"""
    return said.isdigit() and len(said) < DIGITS and int(said) < number
