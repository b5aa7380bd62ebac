"""``lastgasp leaks``: who leaks, since when, how fast, where, whose code, with what, and when memory runs out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.ownership.assign import assign
from lastgasp.analysis.victim.instants import Instant
from lastgasp.analysis.workload.counters import BEGINS
from lastgasp.cli import instant, ownership
from lastgasp.cli.inputs import HELP, Inputs
from lastgasp.report.as_json import plain
from lastgasp.report.leaks import Question, draw, said
from lastgasp.report.named import programs_called, shown, unknown
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError
from lastgasp.timeline.model import Recording
from lastgasp.timeline.window import since

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp leaks ring.lgr
  lastgasp leaks ring.lgr --process sensord
  lastgasp leaks ring.lgr --since mark:"test 7"       judged from there on
  lastgasp leaks ring.lgr --since 14:03:10            (uptime, or time of day)
  lastgasp leaks ring.lgr --sysroot output/staging    with packages and versions
"""
STATUS = """\
exit status:
  0 it could be judged, whether anything leaks or not; 1 it could not be done,
  or not of all: a recording could not be read (it is named, the others are
  judged); 2 wrong use; 130 interrupted
"""
FORMAT = 1


class LeaksError(LoadError):
    """It can't be told as asked; str() is the line to show."""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "leaks",
        help="everything about who leaks",
        description="Say of each program that leaks, or may leak, since when, how fast, how sure that is, in which"
        " mapping, whose package, with what work (bytes per packet, per process start, only during a mark), and when"
        " memory runs out; the same of kernel memory and tmpfs.",
    )
    parser.add_argument("paths", nargs="+", metavar="REC", help=HELP)
    parser.add_argument(
        "--process",
        metavar="NAME",
        help="only this program: its name as shown, its comm or script, or a pid",
    )
    parser.add_argument(
        "--since", metavar="TIME", help='judge only what was recorded from then on: mark:"test 7", 0:12:30, 14:03:10, …'
    )
    ownership.add_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print what leaks. Raises LoadError and OwnershipError; nothing is printed then."""
    owners = ownership.owners(options)
    process = os.fsencode(options.process) if options.process is not None else None
    asked = Question(process, options.since)
    found: list[Facts] = []
    every: list[Recording] = []
    inputs = Inputs(options.paths)
    for recording in inputs.recordings():
        if options.since is not None:
            try:
                recording = _since(recording, options.since)
            except LeaksError as error:
                inputs.unreadable.append((recording.name, str(error)))
                continue
        meant = programs_called(recording, process) if process is not None else set()
        facts = gather(recording, meant)
        if owners is not None:
            assign(recording, [growth.worst for growth in facts.growth], owners)
        every.append(recording)
        if process is None:
            found.append(facts)
        elif meant:
            found.append(_only(facts, meant))
    if not every:
        raise LeaksError(inputs.unreadable[-1][1])
    if not found:
        inputs.status()
        raise LeaksError(unknown(options.process, ", ".join(options.paths), shown(every)))
    screen = Screen.on(sys.stdout)
    if options.json:
        sys.stdout.write(_json(found, asked))
        return inputs.status()
    for number, facts in enumerate(found, 1):
        if len(found) > 1:
            if number > 1:
                screen.line()
            screen.line(f"RECORDING {number} OF {len(found)} ".ljust(WIDTH, "-"), "head")
        draw(screen, facts, asked)
    sys.stdout.write(str(screen))
    return inputs.status()


def _since(recording: Recording, text: str) -> Recording:
    try:
        at = instant.find(recording, text)
    except instant.InstantError as error:
        begun = _begun(recording, text)
        if begun is None:
            raise LeaksError(f"{recording.name}: --since {error}") from None
        at = begun
    return since(recording, at.boot + 1, at.at_ms)


def _begun(recording: Recording, text: str) -> Instant | None:
    """Of mark:"test 7" the mark "test 7 begins", where that is the only one that begins it."""
    for word in BEGINS if text.startswith("mark:") else ():
        try:
            return instant.find(recording, f"{text.rstrip(chr(34))} {word.decode()}")
        except instant.InstantError:
            continue
    return None


def _only(facts: Facts, programs: set[bytes]) -> Facts:
    """The facts, of these programs alone; what is the machine's stays."""
    growth = [one for one in facts.growth if one.name in programs]
    return replace(facts, growth=growth, counts=[one for one in facts.counts if one.name in programs])


def _json(found: list[Facts], asked: Question) -> str:
    recordings = [
        {
            "answer": said(facts, asked, visible),
            "file": plain(facts.file),
            "span": plain(facts.span),
            "leaks": plain(facts.leaks),
            "suspicions": plain(facts.suspicions),
            "others": plain([one for one in facts.growth if one not in facts.leaks and one not in facts.suspicions]),
            "machine": plain(facts.machine_leaks),
            "counts": plain(facts.counts),
            "uncounted": plain(facts.uncounted),
            "forecasts": plain(facts.forecasts),
        }
        for facts in found
    ]
    whole = {
        "lastgasp_leaks": FORMAT,
        "process": plain(asked.process),
        "since": asked.since,
        "recordings": recordings,
    }
    return json.dumps(whole, indent=1) + "\n"
