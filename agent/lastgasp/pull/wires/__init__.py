"""Wires: bytes to a device and back. One module each; none of them knows what is said."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from lastgasp.pull import PullError

PIECE = 65536
EARLY = 1 << 20  # bytes that are kept of what comes while something is sent
STUCK_S = 30.0  # a wire that takes nothing for so long is broken
LOOK_S = 0.5  # how often it is looked whether all shall end


class WireError(PullError):
    """The wire is broken, or cannot be opened."""


class Wire(Protocol):
    """An open wire; leaving its ``with`` gives everything back."""

    name: str
    console: bool  # somebody has to log in first, and others may talk on it
    received: int  # bytes
    sent: int
    halted: Callable[[], bool]  # true when all shall end: whoever waits then gets a WireError

    def read(self, timeout_s: float) -> bytes:
        """What came, at the latest after so many seconds; b"": nothing. Raises WireError."""

    def write(self, data: bytes) -> None:
        """All of it. Raises WireError."""

    def close(self) -> None:
        """Give everything back."""

    def __enter__(self) -> Wire:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As close()."""


class Descriptors:
    """A wire that is one or two non-blocking descriptors."""

    def __init__(self, name: str, console: bool, reading: int, writing: int) -> None:
        self.name = name
        self.console = console
        self.received = self.sent = 0
        self.halted: Callable[[], bool] = lambda: False
        self._early = bytearray()  # what came while something was sent
        self.reading, self.writing = reading, writing
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)

    def __enter__(self) -> Wire:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As close()."""
        self.close()

    def read(self, timeout_s: float) -> bytes:
        """What came, at the latest after so many seconds; b"": nothing. Raises WireError."""
        if self._early:
            early = bytes(self._early)
            self._early.clear()
            return early
        until = time.monotonic() + timeout_s
        while True:
            if self.halted():  # also where a device sends without end
                raise WireError(f"{self.name}: stopped")
            left = max(until - time.monotonic(), 0)
            if select.select([self.reading], [], [], min(left, LOOK_S))[0]:
                return self._received()
            if left <= LOOK_S:
                return b""

    def _received(self) -> bytes:
        try:
            data = os.read(self.reading, PIECE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise WireError(f"{self.name}: {self.why(error.strerror or str(error))}") from None
        if not data:
            raise WireError(f"{self.name}: {self.why('the other end hung up')}")
        self.received += len(data)
        return data

    def write(self, data: bytes) -> None:
        """All of it; what comes meanwhile is taken, for an emulator that nobody reads stops. Raises WireError."""
        until = time.monotonic() + STUCK_S
        while data:
            left = max(until - time.monotonic(), 0)
            comes, goes, _ = select.select([self.reading], [self.writing], [], min(left, LOOK_S))
            if comes:
                self._early += self._received()
                del self._early[:-EARLY]
            if not left or self.halted():
                raise WireError(f"{self.name}: takes nothing any more; is it held by flow control?")
            if not goes:
                continue
            try:
                done = os.write(self.writing, data)
            except BlockingIOError:
                continue
            except OSError as error:
                raise WireError(f"{self.name}: {self.why(error.strerror or str(error))}") from None
            self.sent += done
            data = data[done:]

    def why(self, reason: str) -> str:
        """What is told when it breaks."""
        return reason

    def close(self) -> None:
        """Give everything back."""
        for fd in {self.reading, self.writing} - {-1}:
            os.close(fd)
        self.reading = self.writing = -1
