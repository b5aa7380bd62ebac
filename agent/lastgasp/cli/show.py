"""Instants of a recording on standard output: one as text or JSON, one after another, or a screen that keys move.

For ``top`` and ``live``: what a user can wish for (``add_wishes``), and what is done with a recording that goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from dataclasses import replace
from typing import Protocol

from lastgasp.analysis.replay import Replay
from lastgasp.analysis.snapshot import Snapshot
from lastgasp.analysis.snapshots import Snapshots
from lastgasp.cli.full_screen import FullScreen
from lastgasp.cli.record import _interval, milliseconds
from lastgasp.cli.signals import SIGNALLED
from lastgasp.report.as_json import plain
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.top.columns import BY_NAME, DEFAULT
from lastgasp.report.top.controls import Top
from lastgasp.report.top.view import Line, Wish, select
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Recording

FORMAT = 1
LIVE_MS = 2000


class Source(Protocol):
    """A recording that goes on. Methods may raise what its command's module says."""

    pace_s: float  # how often it is looked whether there is something new

    def recording(self) -> Recording | None:
        """All that there is; None: nothing new, or it cannot be read at this moment."""

    def state(self) -> list[Line]:
        """What is to be said of it, over everything else."""


def add_wishes(parser: argparse.ArgumentParser, of_live: str = "") -> None:
    """Declare how it shall be shown; ``of_live`` goes before the help on what only a live view has."""
    parser.add_argument("--sort", choices=sorted(BY_NAME), default=DEFAULT, help=f"by this column (default {DEFAULT})")
    parser.add_argument(
        "--filter", default="", metavar="TEXT", help="only processes whose pid, name or command holds it"
    )
    parser.add_argument("--rows", type=int, metavar="N", help="print so many processes at most")
    parser.add_argument("--kernel", action="store_true", help="threads of the kernel, too")
    parser.add_argument(
        "--interval", type=_interval, default=LIVE_MS, metavar="TIME", help=f"{of_live}between samples (2s)"
    )
    parser.add_argument(
        "--for", dest="span", type=milliseconds, metavar="TIME", help=f"{of_live}print each sample for so long"
    )


def shown(recording: Recording, replay: Replay, options: argparse.Namespace, live: bool = False) -> Top:
    """As the user wishes."""
    wish = Wish(options.sort, needle=options.filter, kernel=options.kernel)
    return Top(replay, visible(recording.name.rpartition("/")[2]), Screen.on(sys.stdout), wish, live)


def write(options: argparse.Namespace, recording: Recording, replay: Replay, snapshot: Snapshot, end: str = "") -> None:
    """One instant, as text or JSON."""
    if options.json:
        sys.stdout.write(as_json(recording, snapshot, options))
    else:
        top = shown(recording, replay, options)
        width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
        some = top.whole(width, options.rows)
        painted = [top.screen.paint(text, role) if text and role else text for text, role in some]
        sys.stdout.write("".join(line + "\n" for line in painted) + end)
    sys.stdout.flush()


def as_json(recording: Recording, snapshot: Snapshot, options: argparse.Namespace) -> str:
    """One instant as one object."""
    wish = Wish(options.sort, needle=options.filter, kernel=options.kernel)
    tasks = select(snapshot.tasks, wish, Screen())
    chosen = replace(snapshot, tasks=tasks[: options.rows] if options.rows is not None else tasks)
    found = {"lastgasp_top": FORMAT, "file": visible(recording.name), "snapshot": plain(chosen)}
    return json.dumps(found, indent=1) + "\n"


def samples(options: argparse.Namespace, source: Source, look_s: float, patience_s: float | None = None) -> int:
    """Sample after sample for as long as asked; without that the first one whose CPU times are known.

    Returns how many were written; ``patience_s`` is how long the first one may take at most.
    """
    began_s = time.monotonic()
    end_s = began_s + (options.span or 0) / 1000
    told: tuple[bytes, int] | None = None  # boot and time of the last one
    written = 0
    while True:
        recording = source.recording()
        if recording is not None:
            replay, snapshots = Replay(recording), Snapshots(recording)
            if options.span is None:
                snapshot = snapshots.at(replay.instant)
                if snapshot.since_ms is not None:
                    write(options, recording, replay, snapshot, "\n")
                    return 1
            else:
                for place in _after(replay, told):
                    replay.place = place
                    write(options, recording, replay, snapshots.at(replay.instant), "\n")
                    told = recording.boots[replay.instant.boot].boot_id, replay.instant.at_ms
                    written += 1
        if options.span is not None and time.monotonic() >= end_s:
            return written
        if not written and patience_s is not None and time.monotonic() - began_s > patience_s:
            return 0
        time.sleep(look_s)


def _after(replay: Replay, told: tuple[bytes, int] | None) -> range:
    """Places of the samples that came after one; all, where that one is not kept any more."""
    boots = replay.recording.boots
    for place in range(len(replay.line) - 1, -1, -1):
        boot, at_ms = replay.line[place]
        if told is not None and boots[boot].boot_id == told[0] and at_ms <= told[1]:
            return range(place + 1, len(replay.line))
    return range(len(replay.line))


def interact(top: Top, source: Source | None = None) -> int:
    """Until q, or a signal. Returns the exit status."""
    drawn: object = None
    with FullScreen(sys.stdout) as terminal:
        goes_on = True
        while goes_on and terminal.ended is None:
            if source is not None:
                top.above = source.state()
            size = terminal.size
            if drawn != (size, top.above) or terminal.resized:
                terminal.resized = False
                lines = top.draw(*size)
                terminal.show([top.screen.paint(text, role) if text and role else text for text, role in lines])
            drawn = size, top.above
            for key in terminal.wait(source.pace_s if source is not None else None):
                goes_on = goes_on and top.press(key)
                drawn = None
            recording = source.recording() if source is not None else None
            if recording is not None:
                top.refresh(recording)
                drawn = None
    return 0 if terminal.ended is None else SIGNALLED + terminal.ended
