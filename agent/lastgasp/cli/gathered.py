"""Recordings with their facts, one after another; on a terminal it is told how far that is."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from lastgasp.analysis.facts import Facts, gather
from lastgasp.report.screen import WIDTH
from lastgasp.report.visible import fit, visible
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording


def gathered(path: str) -> Iterator[tuple[Recording, Facts]]:
    """Each recording in a path. Raises LoadError, before the first one."""
    _tell(f"reading {path}")
    try:
        found = load(path)
        for number, recording in enumerate(found, 1):
            _tell(f"recording {number} of {len(found)} in {path}")
            yield recording, gather(recording)
    finally:
        _tell("")


def _tell(text: str) -> None:
    """On one line of the terminal; nothing is left of it at the end."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + fit(visible(text), WIDTH - 1))
        sys.stderr.flush()
