"""``lastgasp advise``: which settings apply to a shortage, what each would have changed, and its caution."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from lastgasp.analysis.advice import Evidence, Leak, advise
from lastgasp.cli.oom_source import Source, read
from lastgasp.cli.what_if import answer_of
from lastgasp.oom.overcommit import DEFAULT_RATIO
from lastgasp.report import advice as drawn
from lastgasp.report.oom import Explained, when
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp advise dmesg.txt
  lastgasp advise ring.lgr               with the settings and the growth that were recorded
"""
FORMAT = 1


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "advise",
        help="which settings would have helped, and what each costs",
        description="Say of each setting that applies to the first OOM report of a log or a recording what it would"
        " have changed, and its caution. A leak is not cured by settings, and that is said.",
    )
    parser.add_argument("path", metavar="FILE", help="a kernel log or a recording; -: standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the advice. Raises LoadError where there is no OOM report."""
    source = read(options.path)
    found = next((one for one in source.found if one.report.tasks), source.found[0])
    evidence = _evidence(source, found)
    advices = advise(evidence)
    if options.json:
        said = []
        for advice in advices:
            setting, here = drawn.filled(advice, visible)
            current = visible(advice.current) if advice.current is not None else None
            said.append({"setting": setting, "current": current, "here": here, "exact": advice.exact})
            said[-1]["caution"] = advice.caution
        answer = drawn.verdict(evidence, visible)
        whole = {"lastgasp_advise": FORMAT, "answer": answer, "line": found.report.place.first_line, "advice": said}
        sys.stdout.write(json.dumps(whole, indent=1) + "\n")
        return 0
    screen = Screen.on(sys.stdout)
    drawn.draw(screen, evidence, advices)
    screen.line()
    which = f"on the report of {when(found.report, screen)}, line {found.report.place.first_line:,}"
    screen.wrap(f"This is {which}: lastgasp oom explains it, lastgasp what-if tries other values.", "", "")
    sys.stdout.write(str(screen))
    return 0


def _evidence(source: Source, found: Explained) -> Evidence:
    settings: dict[str, bytes] = {}
    leaks: list[Leak] = []
    overcommit = None
    for recording in source.recordings:
        for boot in recording.boots:
            settings |= {name: value for name, value in boot.machine().items() if name.startswith("vm.")}
            overcommit = answer_of(boot, DEFAULT_RATIO) or overcommit
    for facts in source.facts:
        leaks += [Leak(growth.worst.name, growth.worst.verdict.per_s) for growth in facts.leaks]
    return Evidence(found.report, found.choice, found.cause, settings, leaks, overcommit)
