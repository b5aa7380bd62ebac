"""``lastgasp oom``: every OOM event of a log or a recording, explained."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from lastgasp.cli.oom_source import NothingFound, read
from lastgasp.report import units
from lastgasp.report.oom import as_json as oom_json
from lastgasp.report.oom import folder as oom_folder
from lastgasp.report.oom.page import Explained
from lastgasp.report.oom.summary import draw_all
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  dmesg | lastgasp oom -
  lastgasp oom /var/log/kern.log    syslog, journalctl, dmesg, serial, pstore
  lastgasp oom ring.lgr             a recording's, and what grew before the kill
  lastgasp oom logs/                all logs and recordings in it, in brief
  lastgasp oom --json log | jq '.reports[].answer[0]'
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "oom",
        help="why the kernel killed, whom, and what would have changed its choice",
        description="Explain every OOM report of a kernel log: who asked for what, why it could not be had, who was"
        " killed and who is to blame; where the memory was; the kernel's ranking; what to do next."
        " Exit status 0: explained; 1: no OOM report in it, or it cannot be read.",
    )
    parser.add_argument(
        "path", metavar="FILE", help="a log of any kind or a recording, plain or gzip, or a folder; -: standard input"
    )
    parser.add_argument(
        "--all", action="store_true", help="tell every event whole, also what only repeats the one before"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the explanation. Raises LoadError where there is nothing to explain."""
    if os.path.isdir(options.path):
        return _folder(options)
    found = read(options.path).found
    sys.stdout.write(oom_json.render(found) if options.json else draw(found, Screen.on(sys.stdout), options.all))
    return 0


def _folder(options: argparse.Namespace) -> int:
    """Every file of a folder in one line."""
    screen = Screen.on(sys.stdout)
    files: list[oom_folder.Brief] = []
    without: list[bytes] = []
    unreadable: list[str] = []
    folders = 0
    for entry in sorted(os.scandir(options.path), key=lambda entry: entry.name):
        name = os.fsencode(entry.name)
        try:
            folders += entry.is_dir()
            if not entry.is_file():
                continue
            files.append(oom_folder.brief(name, read(entry.path).found, visible if options.json else screen.text))
        except NothingFound:
            without.append(name)
        except LoadError as error:
            unreadable.append(str(error))
        except OSError as error:
            unreadable.append(f"{entry.path}: {error.strerror}")
    if not files:
        counted = units.count(len(without) + len(unreadable), "file")
        raise LoadError(f"{options.path}: no OOM report in any file of this folder ({counted})")
    folder = oom_folder.Folder(options.path, files, without, unreadable, folders)
    if options.json:
        sys.stdout.write(oom_folder.render(folder))
        return 0
    oom_folder.draw(screen, folder)
    sys.stdout.write(str(screen))
    return 0


def draw(found: list[Explained], screen: Screen, whole: bool = False) -> str:
    """A table of several, then each of them; ``whole``: none of them in brief."""
    draw_all(screen, found, whole)
    return str(screen)
