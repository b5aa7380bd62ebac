"""``lastgasp top``: any instant of a recording as top and free would have shown it; or this machine, now."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from lastgasp.analysis.replay import Replay
from lastgasp.analysis.snapshot import Snapshot, Snapshots
from lastgasp.analysis.victim.instants import last_sample
from lastgasp.cli import full_screen
from lastgasp.cli.full_screen import FullScreen
from lastgasp.cli.instant import InstantError, find
from lastgasp.cli.live import Live
from lastgasp.cli.record import _interval, _time
from lastgasp.report.as_json import plain
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.top.columns import BY_NAME, DEFAULT
from lastgasp.report.top.controls import Top
from lastgasp.report.top.view import Wish, select
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError, load
from lastgasp.timeline.model import Recording

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FORMAT = 1
LIVE_MS = 2000
LOOK_S = 0.2  # how often it is looked whether there is a new sample
ENDED = 128  # plus the signal
EXAMPLES = """\
examples:
  lastgasp top ring.lgr                  move through it with the keys (? helps)
  lastgasp top ring.lgr --at oom         the last sample before the first kill
  lastgasp top ring.lgr --at 'mark:"test 7"' --sort growth
  lastgasp top ring.lgr --at end --json | jq '.snapshot.memory'
  lastgasp top --live                    this machine, through the agent
  lastgasp top --live --for 10s > log    sample after sample, as text
"""


class TopError(Exception):
    """Nothing can be shown; str() is the line to show."""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "top",
        help="any instant of a recording like top and free; or this machine, live",
        description="Show the machine and its processes as they were at an instant of a recording: memory, CPU since"
        " the sample before, growth over the ten minutes before, and whom the OOM killer would have taken first. On a"
        " terminal, keys move through time; with --at, or where the output is no terminal, it is printed once.",
    )
    parser.add_argument("path", nargs="?", metavar="RING", help="a recording, plain or gzip; - for standard input")
    parser.add_argument("--live", action="store_true", help="this machine, now; needs no root, sees more with it")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="print this instant: an uptime (1:02:03), a time in UTC (14:03:10, 2026-11-23T14:03:10Z), end, oom (the"
        ' last sample before the first kill), mark:"text"; of boot 2: "boot 2 1:02:03"',
    )
    parser.add_argument("--sort", choices=sorted(BY_NAME), default=DEFAULT, help=f"by this column (default {DEFAULT})")
    parser.add_argument(
        "--filter", default="", metavar="TEXT", help="only processes whose pid, name or command holds it"
    )
    parser.add_argument("--rows", type=int, metavar="N", help="print so many processes at most")
    parser.add_argument("--kernel", action="store_true", help="threads of the kernel, too")
    parser.add_argument(
        "--interval", type=_interval, default=LIVE_MS, metavar="TIME", help="live: between samples (2s)"
    )
    parser.add_argument("--for", dest="span", type=_time, metavar="TIME", help="live: print each sample for so long")
    parser.add_argument("--json", action="store_true", help="one instant as JSON (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Show it. Raises LoadError, TopError, LiveError."""
    if options.live == bool(options.path):
        raise TopError("name one recording, or say --live for this machine")
    if options.live and options.at is not None:
        raise TopError("--at is for recordings; --live shows what is now")
    if options.span is not None and not options.live:
        raise TopError("--for is for --live; a recording has its own length (--at)")
    once = options.json or options.span is not None or options.at is not None or not full_screen.possible()
    if options.live:
        with Live(options.interval) as live:
            return _print_live(options, live) if once else _live(options, live)
    recording = _one(options.path)
    if once:
        _print(options, recording)
        return 0
    return _interact(Top(Replay(recording), _title(recording), Screen.on(sys.stdout), _wish(options)), None, None)


def _one(path: str) -> Recording:
    """The recording. Raises LoadError, TopError."""
    found = load(path)
    if len(found) > 1:
        names = ", ".join(sorted({visible(recording.name) for recording in found})[:3])
        raise TopError(f"{path}: holds {len(found)} recordings ({names} …): name a file with one")
    if last_sample(found[0]) is None:
        raise LoadError(f"{path}: this recording holds no sample")
    return found[0]


def _title(recording: Recording) -> str:
    return visible(os.path.basename(recording.name))


def _wish(options: argparse.Namespace) -> Wish:
    return Wish(options.sort, needle=options.filter, kernel=options.kernel)


def _print(options: argparse.Namespace, recording: Recording) -> None:
    """One instant."""
    try:
        instant = find(recording, options.at or "end")
    except InstantError as error:
        raise TopError(f"{options.path}: {error}") from None
    replay = Replay(recording, instant)
    if options.json:
        sys.stdout.write(as_json(recording, Snapshots(recording).at(replay.instant), options))
        return
    sys.stdout.write(_page(Top(replay, _title(recording), Screen.on(sys.stdout), _wish(options)), options.rows))


def _page(top: Top, rows: int | None) -> str:
    """All of an instant, as text."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    some = top.whole(width, rows)
    return "".join(top.screen.paint(text, role) + "\n" if text and role else text + "\n" for text, role in some)


def as_json(recording: Recording, snapshot: Snapshot, options: argparse.Namespace) -> str:
    """One instant as one object."""
    tasks = select(snapshot.tasks, _wish(options), Screen())
    chosen = replace(snapshot, tasks=tasks[: options.rows] if options.rows is not None else tasks)
    found = {"lastgasp_top": FORMAT, "file": visible(recording.name), "snapshot": plain(chosen)}
    return json.dumps(found, indent=1) + "\n"


# -- this machine ----------------------------------------------------------------------------------------


def _print_live(options: argparse.Namespace, live: Live) -> int:
    """Sample after sample for as long as asked; without that the first one whose CPU times are known."""
    end_s = time.monotonic() + (options.span or 0) / 1000
    told = -1
    while True:
        recording = live.recording()
        if recording is not None:
            replay = Replay(recording)
            snapshot = Snapshots(recording).at(replay.instant)
            if options.span is None and snapshot.since_ms is not None:
                _tell(options, recording, snapshot, replay)
                return 0
            if options.span is not None and snapshot.at.uptime_ms > told:
                told = snapshot.at.uptime_ms
                _tell(options, recording, snapshot, replay)
        if options.span is not None and time.monotonic() >= end_s:
            return 0
        time.sleep(LOOK_S)


def _tell(options: argparse.Namespace, recording: Recording, snapshot: Snapshot, replay: Replay) -> None:
    if options.json:
        sys.stdout.write(as_json(recording, snapshot, options))
    else:
        sys.stdout.write(
            _page(Top(replay, _title(recording), Screen.on(sys.stdout), _wish(options)), options.rows) + "\n"
        )
    sys.stdout.flush()


def _live(options: argparse.Namespace, live: Live) -> int:
    recording = live.recording()
    if recording is None:
        raise TopError("what the agent has just recorded cannot be read")
    top = Top(Replay(recording), _title(recording), Screen.on(sys.stdout), _wish(options), live=True)
    return _interact(top, live, options.interval / 1000)


# -- a terminal --------------------------------------------------------------------------------------------


def _interact(top: Top, live: Live | None, interval_s: float | None) -> int:
    """Until q, or a signal. Returns the exit status."""
    with FullScreen(sys.stdout) as terminal:
        goes_on = True
        while goes_on and terminal.ended is None:
            width, height = terminal.size
            lines = top.draw(width, height)
            terminal.show([top.screen.paint(text, role) if text and role else text for text, role in lines])
            terminal.resized = False
            for key in terminal.wait(interval_s):
                goes_on = goes_on and top.press(key)
            recording = live.recording() if live is not None else None
            if recording is not None:
                top.refresh(recording)
    return 0 if terminal.ended is None else ENDED + terminal.ended if terminal.ended != signal.SIGINT else 130
