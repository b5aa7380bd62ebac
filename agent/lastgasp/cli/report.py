"""``lastgasp report``: what recordings say."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.ownership.assign import assign
from lastgasp.cli import ownership, page_file
from lastgasp.cli.inputs import HELP, STATUS, Inputs
from lastgasp.report import as_json, terminal, units
from lastgasp.report.answer import answer
from lastgasp.report.html import page
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.timeline.model import Recording

if TYPE_CHECKING:
    from argparse import _SubParsersAction

__all__ = ["STATUS", "add", "draw", "run"]
EXAMPLES = """\
examples:
  lastgasp report ring.lgr               one recording
  lastgasp report pulled/                every recording below a folder
  ssh device lastgasp-agent dump | lastgasp report -
  lastgasp report ring.lgr --html report.html
  lastgasp report ring.lgr --sysroot output/staging     with packages and versions
  lastgasp report --json ring.lgr | jq '.recordings[0].answer'
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "report",
        help="who leaks, who was killed, since when",
        description="Say who leaks, how fast, in which mapping and since when; whom the OOM killer killed; then show"
        " the evidence: memory over time, who grew, out of memory events, what the recording lost and cost.",
    )
    parser.add_argument("paths", nargs="+", metavar="RING", help=HELP)
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.add_argument(
        "--html",
        metavar="FILE",
        help="a page with charts for a browser, in one file (- for standard output); overwrites an earlier page only",
    )
    ownership.add_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the report. Raises LoadError where no recording could be read, and OwnershipError: nothing is printed."""
    if options.html:
        page_file.check(options.html)
    owners = ownership.owners(options)
    inputs = Inputs(options.paths)
    recordings: list[Recording] = []
    found: list[Facts] = []
    for recording, facts in inputs.gathered():
        if owners is not None:
            assign(recording, [growth.worst for growth in facts.growth], owners)
        recordings.append(recording)
        found.append(facts)
    _print(options, recordings, found)
    return inputs.status()


def _print(options: argparse.Namespace, recordings: list[Recording], found: list[Facts]) -> None:
    if options.html:
        text = page.render(recordings, found)
        page_file.write(options.html, text)
    if options.html == page_file.STDOUT:
        return
    if options.json:
        sys.stdout.write(as_json.render(found))
    elif options.html:
        sys.stdout.write(_made(found, options.html, len(text.encode()), Screen.on(sys.stdout)))
    else:
        sys.stdout.write(draw(found, Screen.on(sys.stdout)))


def _made(found: list[Facts], path: str, size: int, screen: Screen) -> str:
    """What the page says first of each recording, and where it is."""
    for facts in found:
        screen.wrap(answer(facts, screen.text)[0], "", "", "bad" if facts.bad else "good")
    screen.wrap(f"Page: {screen.text(path)} ({units.size(size)}); open it in a browser.", "")
    return str(screen)


def draw(found: list[Facts], screen: Screen) -> str:
    """All recordings, one after another."""
    for number, facts in enumerate(found, 1):
        if len(found) > 1:
            if number > 1:
                screen.line()
            screen.line(f"RECORDING {number} OF {len(found)} ".ljust(WIDTH, "-"), "head")
        terminal.draw(screen, facts)
    return str(screen)
