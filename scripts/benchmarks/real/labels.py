"""What is true of the programs in the recordings in tests/recordings: tables that people wrote, beside the rings."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

RECORDINGS = Path(__file__).parents[3] / "tests" / "recordings"
MEMORY = "memory"  # of the process itself; what else a program can lose is not judged


@dataclass(frozen=True, slots=True)
class Truth:
    """One program, or the programs of one memory group."""

    label: str  # last part of the group's path
    leaks: str  # MEMORY, "open files", "tmpfs", or empty
    why: str
    shapes: tuple[str, ...] = ()  # that the report may give it
    place: str = ""  # the mapping that leaks
    settles: int = 0  # minutes after its start from which on this is so


def read(path: Path) -> dict[str, Truth]:
    """The table of the recordings in a folder, by label. Raises OSError, ValueError, KeyError, TypeError."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        label: Truth(label, row.pop("leaks"), row.pop("why"), tuple(row.pop("shapes", ())), **row)
        for label, row in table.items()
    }


def label(group: bytes | None) -> str:
    """Of whom the table speaks: /lastgasp-shapes/nginx is "nginx"."""
    return (group or b"").rpartition(b"/")[2].decode("utf-8", "replace")
