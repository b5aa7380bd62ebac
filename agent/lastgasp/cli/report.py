"""``lastgasp report``: what recordings say."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.ownership.assign import assign
from lastgasp.cli import ownership, page_file
from lastgasp.report import as_json, terminal, units
from lastgasp.report.answer import answer
from lastgasp.report.html import page
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.timeline.load import load

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp report ring.lgr               one recording
  lastgasp report pulled/                every recording in a folder
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
    parser.add_argument(
        "paths", nargs="+", metavar="RING", help="a recording, plain or gzip; a folder with them; - for standard input"
    )
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
    """Print the report. Raises LoadError for the first path that holds no recording, and OwnershipError.

    Nothing is printed then.
    """
    if options.html:
        page_file.check(options.html)
    owners = ownership.owners(options)
    recordings = [recording for path in options.paths for recording in load(path)]
    found = [gather(recording) for recording in recordings]
    if owners is not None:
        for recording, facts in zip(recordings, found, strict=True):
            assign(recording, [growth.worst for growth in facts.growth], owners)
    if options.html:
        text = page.render(recordings, found)
        page_file.write(options.html, text)
    if options.html == page_file.STDOUT:
        return 0
    if options.json:
        sys.stdout.write(as_json.render(found))
    elif options.html:
        sys.stdout.write(_made(found, options.html, len(text.encode()), Screen.on(sys.stdout)))
    else:
        sys.stdout.write(draw(found, Screen.on(sys.stdout)))
    return 0


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
