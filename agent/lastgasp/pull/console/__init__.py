"""A shell on the other end of a wire that others may talk on: reached, proved, asked, and left as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lastgasp.pull import PullError

TOLD = 120  # letters of what a device said that an error shows


class ShellError(PullError):
    """There is no shell that answers, or it does not any more."""


class Garbled(ShellError):
    """The shell answers, but a command did not arrive whole, however often it was sent. A shorter one may."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in. ``password`` is asked when the device asks; it may ask a person, and raise PullError."""

    login: str | None
    password: Callable[[], bytes]


def last_words(noise: bytes) -> str:
    """The last line of what a device said, to be shown: escape sequences and the rest of its kind left out."""
    lines = [line.strip() for line in noise.decode("ascii", "replace").splitlines()]
    lines = [line for line in lines if not (line.startswith(":") and " " not in line)]  # pieces of frames tell nothing
    last = next((line for line in reversed(lines) if line), "")
    return "".join(c if c.isprintable() else "." for c in last)[-TOLD:]
