"""A device as a recording that goes on: a thread that keeps the wire, and what came over it.

Contract: the first connection is made by who enters the ``with``, so that ssh and we can ask for passwords. What is
wrong before the first sample is raised. After that nothing raises: a wire that breaks is told in ``state`` and tried
again until the end, with nobody to ask; what came before stays.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from types import TracebackType

from lastgasp.cli.pulling.password import Password
from lastgasp.pull import PullError, target
from lastgasp.pull.console import Credentials
from lastgasp.pull.follow import Follow
from lastgasp.pull.identity import Identity
from lastgasp.pull.streaming import Streaming
from lastgasp.report import units
from lastgasp.report.top.view import Line
from lastgasp.report.visible import visible
from lastgasp.timeline.growing import Growing
from lastgasp.timeline.model import Recording

LOOK_S = 0.2
HOST = 24  # letters: the state stands behind it, and matters more
QUIET_S = 3.0  # beyond the interval; then it is told that nothing comes
AGAIN_S = (2, 5, 10, 20, 30)  # the waits between tries, the last one for ever
END_S = 20.0  # for the thread, to give the console back


class Device:
    """Use it in a ``with``."""

    def __init__(self, options: argparse.Namespace, tell: Callable[[str], None] = lambda _: None) -> None:
        """``options`` of ``lastgasp live``; ``tell`` is told one line when the wire breaks and when it works again."""
        self.pace_s = LOOK_S
        self._options = options
        self._tell = tell
        self._lock = threading.Lock()
        self._follow = Follow()
        self._growing: Growing | None = None
        self._first = 0  # number of the block that it began with
        self._seen = 0  # pieces
        self._password = Password(options)
        self._identity: Identity | None = None
        self._line: Streaming | None = None
        self._broken = ""  # why; "": it is not
        self._again_s = 0.0  # when it is tried again
        self._came_s = time.monotonic()  # when the last piece came
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Device:
        """Raises PullError."""
        line, agent = self._connected()
        self._password.batch = True  # from now on nobody is there to be asked
        self._came_s = time.monotonic()
        self._thread = threading.Thread(target=self._work, args=(line, agent), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._line is not None:
            self._line.stop()
        if self._thread is not None:
            self._thread.join(END_S)

    # -- what there is -----------------------------------------------------------------------------------

    def recording(self) -> Recording | None:
        """All that is kept; None: nothing new. Raises PullError: it broke before there was anything."""
        with self._lock:
            if self._broken and not self._follow.pieces:
                raise PullError(f"{self._options.target}: {self._broken}")
            if self._follow.pieces == self._seen:
                return None
            self._seen = self._follow.pieces
            anew = self._growing is None or self._follow.first != self._first
            if anew:
                assert self._identity is not None
                self._growing, self._first = Growing(self._identity.host), self._follow.first
            assert self._growing is not None
            data = self._follow.blocks(self._growing.last)
        self._growing.add(data)
        return self._growing.recording if self._growing.recording.samples else None

    def state(self) -> list[Line]:
        """Which device, over what, and how it is there."""
        now = time.monotonic()
        with self._lock:
            broken, again_s, came_s, lost = self._broken, self._again_s, self._came_s, self._follow.lost
        host = visible(self._identity.host)[:HOST] if self._identity is not None else "?"
        where = f" ({visible(self._options.target)})"  # behind the rest: it may be long
        silent = units.duration(int(now - came_s) * 1000)
        if broken:
            left = max(0, round(again_s - now))
            when = f"trying again in {left} s" if left else "trying again"
            return [(f"{host}: BROKEN, {when}; this was {silent} ago{where}", "bad"), (f"  {broken}", "bad")]
        if now - came_s > self._options.interval / 1000 + QUIET_S:
            return [(f"{host}: nothing for {silent}{where}", "bad")]
        bad = f", {units.count(lost, 'sample')} lost on the line" if lost else ""
        return [(f"{host}: live, {units.duration(self._options.interval)}{bad}{where}", "head")]

    @property
    def lost(self) -> int:
        """Pieces that never came, or not whole."""
        with self._lock:
            return self._follow.lost

    # -- the thread --------------------------------------------------------------------------------------

    def _connected(self, again: bool = False) -> tuple[Streaming, str]:
        """A device that listens, and the path of its agent. Raises PullError."""
        options = self._options
        line = self._line = Streaming(target.wire(options.target, options.baud, again)())
        try:
            if self._ending.is_set():
                line.stop()
            identity, agent = line.open(Credentials(options.login, self._password), options.interrupt, again)
            if self._identity is not None and identity.key != self._identity.key:
                raise PullError(f"{options.target}: another device answers now: {identity.host}")
        except BaseException:
            line.close()
            raise
        self._identity = identity
        return line, agent

    def _work(self, line: Streaming | None, agent: str) -> None:
        """Until the end."""
        tries = 0
        while not self._ending.is_set():
            before = self._follow.pieces
            try:
                if line is None:
                    line, agent = self._connected(again=True)
                with line:
                    while not self._ending.is_set():
                        self._stream(line, agent)
            except Exception as error:  # one that nobody foresaw is told as well: there is no other place for it
                if self._ending.is_set():
                    return
                tries = 0 if self._follow.pieces > before else tries + 1
                why = str(error) if isinstance(error, (PullError, OSError)) else f"a bug in lastgasp: {error!r}"
                self._break(why, AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            line = None

    def _stream(self, line: Streaming, agent: str) -> None:
        """One stream, to its end."""
        with self._lock:
            self._follow.begin()
            before = self._follow.pieces
        for frame in line.frames(agent, self._options.interval):
            if self._ending.is_set():
                return
            with self._lock:
                longer = self._follow.take(frame)
                if longer:
                    self._came_s = time.monotonic()
                    mended, self._broken = self._broken, ""
            if longer and mended:
                self._tell(f"{visible(self._options.target)}: live again")
        if self._follow.pieces == before:  # not to be asked again at once
            raise PullError(f"{self._options.target}: the agent there ended without a sample")

    def _break(self, why: str, wait_s: float) -> None:
        for name in (self._options.target, self._line.wire.name if self._line is not None else ""):
            why = why.removeprefix(f"{name}: ")
        with self._lock:
            self._broken = visible(why)
            self._again_s = time.monotonic() + wait_s
        self._tell(f"{visible(self._options.target)}: {visible(why)}; trying again in {wait_s:.0f} s")
        self._ending.wait(wait_s)
