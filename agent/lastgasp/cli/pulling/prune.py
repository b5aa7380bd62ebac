"""``lastgasp prune``: room again; what goes is listed first, and goes after a yes."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lastgasp.cli.pulling.agreed import agreed
from lastgasp.cli.pulling.kept import File, chosen, declare, files
from lastgasp.cli.record import milliseconds
from lastgasp.pull import PullError, PullUsage, store
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
    parser.add_argument(
        "--older", type=milliseconds, metavar="TIME", help="only those not added to for so long: 30d, 12h"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Delete. Raises PullError, OSError."""
    folder = options.folder or store.default_folder()
    if options.older is None and not options.devices:
        raise PullUsage("say which: --older 30d, or the devices' names (lastgasp ls)")
    listed_s = time.time()
    before_s = listed_s - (options.older or 0) / 1000
    going: list[File] = []
    for device in chosen(folder, options.devices):
        going += [one for one in files(device) if options.older is None or one.changed_s < before_s]
    if not going:
        sys.stdout.write("Nothing to delete.\n")
        return 0
    for one in going:
        sys.stdout.write(f"  {visible(str(one.path))}  {units.size(one.size)}, added to {_ago(one.changed_s)}\n")
    size = units.size(sum(one.size for one in going))
    if not options.yes and not agreed(f"Delete {units.count(len(going), 'recording')}, {size}?"):
        sys.stdout.write("Nothing was deleted.\n")
        return 1
    deleted: list[File] = []
    left: list[str] = []
    for path in sorted({one.path.parent for one in going}):
        try:
            deleted += _delete(path, [one for one in going if one.path.parent == path], listed_s)
        except PullError as error:
            left.append(str(error))
    changed = len(going) - len(deleted)
    sys.stdout.write(
        f"Deleted {units.count(len(deleted), 'recording')}, {units.size(sum(one.size for one in deleted))}.\n"
    )
    for text in left:
        sys.stderr.write(f"lastgasp: {visible(text)}; nothing of it was deleted\n")
    if changed and not left:
        sys.stderr.write(f"lastgasp: {units.count(changed, 'recording')} changed meanwhile and stayed\n")
    return 1 if changed else 0


def _delete(folder: Path, going: list[File], listed_s: float) -> list[File]:
    """What was listed of one device, and nothing that came since; the folder, too, if nothing is left in it.

    Raises PullError: a pull is at it.
    """
    deleted = []
    with os.fdopen(store.locked(folder, "a pull")):
        for one in going:
            part = one.path.with_suffix(store.PART)
            if _changed_s(one.path) == one.changed_s and _changed_s(part) <= listed_s:
                one.path.unlink()
                part.unlink(missing_ok=True)
                deleted.append(one)
        if deleted and not [*folder.glob(f"*{store.SUFFIX}"), *folder.glob(f"*{store.PART}")]:
            for name in (store.FACTS, store.LOCK):
                (folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # somebody keeps something else in it
                folder.rmdir()
    return deleted


def _changed_s(path: Path) -> float:
    """When it was written to last; 0: it is not there."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _ago(at_s: float) -> str:
    passed_ms = max(0, int((time.time() - at_s) * 1000))
    return f"{passed_ms // DAY_MS} days ago" if passed_ms >= 2 * DAY_MS else f"{units.duration(passed_ms)} ago"
