"""The recordings in the paths of a command line, one after another; what cannot be read does not stop the others.

A path is a file, "-" (standard input) or a folder, which stands for every recording below it. In a folder, files that
are no recordings are passed over and counted, unless they are called as one is. Whatever else gives no recording
is told: no path is silently without.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from lastgasp.analysis.facts import Facts, gather
from lastgasp.report import units
from lastgasp.report.screen import WIDTH
from lastgasp.report.visible import fit, visible
from lastgasp.ring.source import STDIN
from lastgasp.timeline.folder import below, called_recording
from lastgasp.timeline.load import LoadError, NoRecording, load
from lastgasp.timeline.model import Recording

DONE, FAILED = 0, 1
NAMED = 3  # of the files that were passed over
HELP = "a recording, plain or gzip; a folder, for every recording below it; - for standard input"
STATUS = """\
exit status:
  0 done; 1 it could not be done, or not of all: a recording could not be read
  (it is named, the others are dealt with); 2 wrong use; 130 interrupted
"""


class Inputs:
    """What is in some paths. ``unreadable`` and ``without`` are known when ``recordings`` has come to its end."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self.unreadable: list[tuple[str, str]] = []  # path, and the line to show
        self.without: list[str] = []  # files in folders that are plainly no recordings

    def recordings(self) -> Iterator[Recording]:
        """Each of them; on a terminal it is told how far that is. Raises LoadError at the end if there was none."""
        number = 0
        folders: dict[str, list[str]] = {}
        files = self._files(folders)
        try:
            for count, (path, given) in enumerate(files.items(), 1):
                of = f"file {count} of {len(files)}: " if len(files) > 1 else ""
                _tell(f"reading {of}{path}")
                for recording in self._of(path, given):
                    number += 1
                    yield recording
        finally:
            _tell("")
        for folder, found in folders.items():
            if set(found) <= set(self.without):
                self.unreadable.append((folder, f"{folder}: no file in this folder holds a recording"))
        if not number:
            more = len(self.unreadable) - 1
            raise LoadError(self.unreadable[0][1] + (f" (and {units.count(more, 'other')} like that)" if more else ""))

    def gathered(self) -> Iterator[tuple[Recording, Facts]]:
        """Each recording with its facts. Raises LoadError as ``recordings`` does."""
        for recording in self.recordings():
            yield recording, gather(recording)

    def status(self) -> int:
        """Say on standard error what was left out; the exit status that this makes."""
        if sys.stderr is not None:
            sys.stderr.write("".join(f"lastgasp: {visible(line)}\n" for line in self._left_out()))
        return FAILED if self.unreadable else DONE

    def _left_out(self) -> Iterator[str]:
        for _, line in self.unreadable:
            yield line
        if self.without:
            names = ", ".join(self.without[:NAMED]) + (" …" if len(self.without) > NAMED else "")
            yield f"passed over {units.count(len(self.without), 'file')} without a recording: {names}"

    def _files(self, folders: dict[str, list[str]]) -> dict[str, bool]:
        """All files to look into, once each, and whether they were given by name; ``folders`` takes what is in each."""
        files: dict[str, bool] = {}
        for path in self.paths:
            if path == STDIN or not os.path.isdir(path):
                files[path] = True
                continue
            found, closed = below(path)
            self.unreadable += closed
            if not closed:
                folders[path] = found
            for one in found:
                files.setdefault(one, False)
        return files

    def _of(self, path: str, given: bool) -> list[Recording]:
        try:
            return load(path)
        except NoRecording as error:
            if given or called_recording(path):
                self.unreadable.append((path, str(error)))
            else:
                self.without.append(path)
        except LoadError as error:
            self.unreadable.append((path, str(error)))
        return []


def _tell(text: str) -> None:
    """On one line of the terminal; nothing is left of it at the end."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + fit(visible(text), WIDTH - 1))
        sys.stderr.flush()
