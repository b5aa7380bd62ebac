"""Where the page goes: written aside and moved in place, so that there is never half a page, and over a page only.

A page that was made here is overwritten, as a compiler overwrites its output. Whatever else has that name is left
alone: ``--html`` takes the word behind it for its file, and that may have been meant as a recording.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from lastgasp.report.html.page import ours

STDOUT = "-"
BEGIN = 4096  # bytes that tell whether a file is such a page


class PageError(Exception):
    """The page cannot be written there; str() is the line to show."""


def check(path: str) -> None:
    """Raise PageError if ``write`` would not write there: better before the work than after it."""
    if path == STDOUT:
        return
    folder = os.path.dirname(path) or "."
    try:
        if not os.path.isdir(folder):
            raise PageError(f"{path}: there is no folder {folder}; make it, or name another")
        found = os.stat(path)
        with open(path, "rb") as file:
            begin = file.read(BEGIN) if stat.S_ISREG(found.st_mode) else b"-"
    except FileNotFoundError:
        return
    except OSError as error:
        raise PageError(f"{path}: {error.strerror}") from None
    if begin and not ours(begin):
        raise PageError(f"{path}: is there already and is no page that lastgasp made; name another, or remove it")


def write(path: str, text: str) -> None:
    """Write the page. Raises PageError."""
    if path == STDOUT:
        sys.stdout.write(text)
        return
    check(path)
    aside = f"{path}.{os.getpid()}.part"
    try:
        Path(aside).write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        Path(aside).unlink(missing_ok=True)
        raise PageError(f"{path}: {error.strerror}") from None
