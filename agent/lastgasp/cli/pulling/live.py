"""``lastgasp live``: a device as top and free would show it, now, over the wires of ``lastgasp pull``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from lastgasp.analysis.replay import Replay
from lastgasp.cli import full_screen, show
from lastgasp.cli.pulling import pull
from lastgasp.cli.pulling.device import LOOK_S, Device
from lastgasp.cli.signals import signalled
from lastgasp.pull import PullError, target
from lastgasp.report import units
from lastgasp.report.visible import visible

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FORMS = target.FORMS.rpartition(",")[0]
FIRST_S = 60.0  # for the first sample
NOTHING = "a shell answers there, but no sample comes from its lastgasp-agent"
EXAMPLES = """\
examples:
  lastgasp live root@192.0.2.7           over SSH; ? shows the keys, q ends
  lastgasp live /dev/ttyUSB0 --login root --interval 1s
  lastgasp live tcp:127.0.0.1:5555 --sort growth
  lastgasp live board --for 10m --json > samples.json
"""
STATUS = """\
exit status:
  0 it was shown; 1 the device could not be reached, or sent nothing; 2 wrong
  use; 130 interrupted; 129 or 143 by SIGHUP or SIGTERM
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "live",
        help="a device now, like top and free: SSH, serial console",
        description="Show memory and processes of a device as they are, sample after sample, through lastgasp-agent"
        " there: a process of its own that writes nothing to the device, and is the first to go when memory is short."
        " A wire that breaks is tried again. On a terminal keys sort, filter and move back through what was seen;"
        " elsewhere a sample is printed, or with --for one after another.",
    )
    parser.add_argument("target", metavar="TARGET", help=FORMS)
    show.add_wishes(parser)
    pull.add_login(parser)
    parser.add_argument("--json", action="store_true", help="samples as JSON (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Show it. Raises PullError, OSError."""
    return signalled(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    if target.is_image(options.target) or (options.target.startswith("/") and os.path.isdir(options.target)):
        raise PullError(f"{options.target}: is no device; name {FORMS} (a recording is for lastgasp top)")
    once = options.json or options.span is not None or not full_screen.possible()
    with Device(options, _complain if once else lambda _: None) as device:
        if once:
            if not show.samples(options, device, LOOK_S, FIRST_S + 2 * options.interval / 1000):
                raise PullError(f"{options.target}: {NOTHING}")
            if device.lost:
                _complain(f"{visible(options.target)}: {units.count(device.lost, 'sample')} lost on the line")
            return 0
        return _interact(options, device)


def _interact(options: argparse.Namespace, device: Device) -> int:
    until_s = time.monotonic() + FIRST_S + options.interval / 1000
    while (recording := device.recording()) is None:
        if time.monotonic() > until_s:
            raise PullError(f"{options.target}: {NOTHING}")
        time.sleep(LOOK_S)
    return show.interact(show.shown(recording, Replay(recording), options, live=True), device)


def _complain(text: str) -> None:
    sys.stderr.write(f"lastgasp: {text}\n")
    sys.stderr.flush()
