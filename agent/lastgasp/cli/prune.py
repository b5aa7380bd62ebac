"""``lastgasp prune``: room again; what goes is listed first, and goes after a yes."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING

from lastgasp.cli.agreed import agreed
from lastgasp.cli.kept import Kept, chosen, declare, recordings
from lastgasp.cli.record import _time
from lastgasp.pull import PullError, store
from lastgasp.report import units
from lastgasp.report.visible import visible

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DAY_MS = 86_400_000
EXAMPLES = """\
examples:
  lastgasp prune --older 30d             what nothing was pulled for in 30 days
  lastgasp prune gateway-1a2b3c4d        all of one device
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "prune",
        help="delete recordings that were pulled",
        description="Delete recordings that nothing was pulled for since a time, or all of the devices named. What goes"
        " is listed first, and goes after a yes. Recordings on devices are not touched.",
    )
    declare(parser)
    parser.add_argument("--older", type=_time, metavar="TIME", help="only those not added to for so long: 30d, 12h")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Delete. Raises PullError, OSError."""
    folder = options.folder or store.default_folder()
    if options.older is None and not options.devices:
        raise PullError("say which: --older 30d, or the devices' names (lastgasp ls)")
    before_s = time.time() - (options.older or 0) / 1000
    going: list[Kept] = []
    for device in chosen(folder, options.devices):
        going += [one for one in recordings(device) if options.older is None or one.changed_s < before_s]
    if not going:
        sys.stdout.write("Nothing to delete.\n")
        return 0
    for one in going:
        sys.stdout.write(f"  {visible(str(one.path))}  {units.size(one.size)}, added to {_ago(one.changed_s)}\n")
    size = units.size(sum(one.size for one in going))
    if not options.yes and not agreed(f"Delete {units.count(len(going), 'recording')}, {size}?"):
        sys.stdout.write("Nothing was deleted.\n")
        return 1
    for one in going:
        one.path.unlink(missing_ok=True)
    for path in {one.path.parent for one in going}:
        if not list(path.glob(f"*{store.SUFFIX}")) and not list(path.glob(f"*{store.PART}")):
            shutil.rmtree(path)
    sys.stdout.write(f"Deleted {units.count(len(going), 'recording')}, {size}.\n")
    return 0


def _ago(at_s: float) -> str:
    passed_ms = max(0, int((time.time() - at_s) * 1000))
    return f"{passed_ms // DAY_MS} days ago" if passed_ms >= 2 * DAY_MS else f"{units.duration(passed_ms)} ago"
