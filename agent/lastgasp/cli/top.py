"""``lastgasp top``: any instant of a recording as top and free would have shown it; or this machine, now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lastgasp.analysis.replay import Replay
from lastgasp.analysis.snapshots import Snapshots
from lastgasp.analysis.victim.instants import last_sample
from lastgasp.cli import full_screen, show
from lastgasp.cli.instant import InstantError, find
from lastgasp.cli.this_machine import ThisMachine
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError, load
from lastgasp.timeline.model import Recording

if TYPE_CHECKING:
    from argparse import _SubParsersAction

LOOK_S = 0.2  # how often it is looked whether there is a new sample
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
    show.add_wishes(parser, "live: ")
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
        with ThisMachine(options.interval) as machine:
            return _print_live(options, machine) if once else _live(options, machine)
    recording = _one(options.path)
    if once:
        _print(options, recording)
        return 0
    return show.interact(show.shown(recording, Replay(recording), options))


def _one(path: str) -> Recording:
    """The recording. Raises LoadError, TopError."""
    found = load(path)
    if len(found) > 1:
        names = ", ".join(sorted({visible(recording.name) for recording in found})[:3])
        raise TopError(f"{path}: holds {len(found)} recordings ({names} …): name a file with one")
    if last_sample(found[0]) is None:
        raise LoadError(f"{path}: this recording holds no sample")
    return found[0]


def _print(options: argparse.Namespace, recording: Recording) -> None:
    """One instant."""
    try:
        instant = find(recording, options.at or "end")
    except InstantError as error:
        raise TopError(f"{options.path}: {error}") from None
    replay = Replay(recording, instant)
    show.write(options, recording, replay, Snapshots(recording).at(replay.instant))


def _print_live(options: argparse.Namespace, machine: ThisMachine) -> int:
    show.samples(options, machine, LOOK_S)
    return 0


def _live(options: argparse.Namespace, machine: ThisMachine) -> int:
    recording = machine.recording()
    if recording is None:
        raise TopError("what the agent has just recorded cannot be read")
    return show.interact(show.shown(recording, Replay(recording), options, live=True), machine)
