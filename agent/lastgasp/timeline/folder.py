"""The files of a folder in which recordings may be: all below it, whatever they are called.

Links are followed, each folder is gone through once, and what is no file (a pipe, a socket) is passed over, as are
hidden files: ``pull`` keeps notes in such. A link that leads nowhere is passed over too, unless it is called as a
recording is.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKED, HIDDEN = ".gz", "."
NAMES = (".lgr", ".ring")  # what record, pull and the agent call them


def below(folder: str) -> tuple[list[str], list[tuple[str, str]]]:
    """All files in a folder and those in it, in the order of their names; and what cannot be looked into, with why."""
    found: list[str] = []
    closed: list[tuple[str, str]] = []
    seen: set[tuple[int, int]] = set()

    def failed(error: OSError) -> None:
        closed.append((str(error.filename), f"{error.filename}: {error.strerror}"))

    for above, folders, names in os.walk(folder, onerror=failed, followlinks=True):
        of = os.stat(above)
        if (of.st_dev, of.st_ino) in seen:
            folders.clear()
            continue
        seen.add((of.st_dev, of.st_ino))
        folders.sort()
        paths = [str(Path(above, name)) for name in sorted(names) if not name.startswith(HIDDEN)]
        found += [path for path in paths if os.path.isfile(path) or _lost(path)]
    return found, closed


def called_recording(path: str) -> bool:
    """Does its name say that it is a recording, so that it is amiss where none is in it?"""
    return path.removesuffix(PACKED).endswith(NAMES)


def _lost(path: str) -> bool:
    return called_recording(path) and not os.path.exists(path)
