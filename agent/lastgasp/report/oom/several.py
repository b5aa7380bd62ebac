"""Several events on one screen: the line that each begins with, and what is left out where there are too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from lastgasp.report.screen import WIDTH, Screen

BRIEF_FROM = 3  # so many events: below, all are told whole
BRIEF_SHOWN = 12  # of those that repeat one
One = TypeVar("One")


def divider(screen: Screen, first: int, last: int, count: int) -> None:
    """The line above events ``first`` to ``last``, counted from 1, of ``count``."""
    which = f"EVENTS {first} TO {last}" if first != last else f"EVENT {first}"
    screen.line(f"{which} OF {count} ".ljust(WIDTH, "-"), "head")


def shortened(screen: Screen, items: Sequence[One], most: int, begin: str = "  ", end: str = "") -> Iterator[One]:
    """Each in its turn; of more than ``most`` the first and the last, and a line between them says how many more.

    One alone is not left out, as that line would take its place.
    """
    left_out = len(items) - most
    if left_out <= 1:
        yield from items
        return
    yield from items[: most // 2]
    screen.line(f"{begin}… {left_out:,} more{end}", "dim")
    yield from items[-(most // 2) :]
