"""What every measurement is told, and how it tells its progress."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tree:
    """The agent's bytecode for one interpreter."""

    label: str  # the interpreter's version, told apart if need be
    python: str
    folder: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``peers`` are paths by name; those that are not there are in ``missing`` with the reason."""

    folder: str
    quick: bool
    trees: tuple[Tree, ...]
    peers: dict[str, str]
    missing: dict[str, str]
    isolated: bool = False  # in a PID namespace: nobody but the workload is seen

    def surroundings(self) -> str:
        """A note on who else was seen."""
        if self.isolated:
            return "in a PID namespace with nobody else"
        return "among all processes of the machine"


def say(text: str) -> None:
    """Progress, to standard error."""
    print(f"bench: {time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)
