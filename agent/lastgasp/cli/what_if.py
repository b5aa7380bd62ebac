"""``lastgasp what-if``: the kernel's choice again, with other settings."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING

from lastgasp.analysis.advice.promises import promised
from lastgasp.analysis.fields import whole
from lastgasp.cli import next_victim
from lastgasp.cli.oom_source import NoReport, Source, read, recorded
from lastgasp.oom.overcommit import DEFAULT_RATIO, Answer
from lastgasp.oom.what_if import Change, Rule, rule, what_if
from lastgasp.report import units
from lastgasp.report import what_if as drawn
from lastgasp.report.as_json import plain
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError
from lastgasp.timeline.model import Boot

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp what-if log --oom-score-adj sensord=-900 --oom-score-adj 'web*=300'
  lastgasp what-if dmesg.txt --ram +64M --swap 32M
  lastgasp what-if ring.lgr --overcommit-memory 2 --overcommit-ratio 80
  lastgasp what-if ring.lgr --at end --process sensord
  lastgasp what-if ring.lgr --at 'mark:test 7' --ram=-16M
"""
SIZE = re.compile(r"([+-]?)(\d{1,12})([kKmMgG])(?:i?[bB])?")
KB = {"k": 1, "m": 1024, "g": 1024**2}
FORMAT = 1
NO_SAMPLES = "a log holds no samples, so leave out --at and --process"
NO_PROMISES = "a log does not tell how much was promised over time"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "what-if",
        help="whom the kernel would have killed with other settings",
        description="Reckon the kernel's choice in each OOM report again, with other values of oom_score_adj, more or"
        " less memory, or vm.oom_kill_allocating_task; or say whom it would kill next at any instant of a recording;"
        " or hold a recording against vm.overcommit_memory=2.",
    )
    parser.add_argument("path", metavar="FILE", help="a kernel log or a recording; -: standard input")
    parser.add_argument(
        "--oom-score-adj",
        action="append",
        default=[],
        type=_rule,
        metavar="NAME=ADJ",
        help="for processes of this name (* and ? match) or pid; may be given several times",
    )
    parser.add_argument("--ram", type=_size, default=0, metavar="+64M", help="more RAM; less: --ram=-16M")
    parser.add_argument("--swap", type=_size, default=0, metavar="32M", help="more swap")
    parser.add_argument("--limit", type=_size, default=0, metavar="+8M", help="a higher limit of the memory group")
    parser.add_argument(
        "--kill-allocating-task", action="store_const", const=True, help="vm.oom_kill_allocating_task=1"
    )
    parser.add_argument("--overcommit-memory", type=int, choices=[2], help="vm.overcommit_memory=2; needs a recording")
    parser.add_argument(
        "--overcommit-ratio", type=_ratio, metavar="N", help="vm.overcommit_ratio (default: as recorded, else 50)"
    )
    next_victim.add(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.set_defaults(run=run, wrong=parser.error)
    return parser


def _rule(text: str) -> Rule:
    try:
        return rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _size(text: str) -> int:
    match = SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text}: wants a size with its unit: 512K, 64M, +1G")
    return int(match[1] + match[2]) * KB[match[3].lower()]


def _ratio(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text}: wants a percentage")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Print the answer. Raises LoadError where there is nothing to answer from."""
    change = Change(
        rules=tuple(options.oom_score_adj),
        ram_kb=options.ram,
        swap_kb=options.swap,
        limit_kb=options.limit,
        kill_allocating_task=options.kill_allocating_task,
    )
    if options.overcommit_ratio is not None and options.overcommit_memory is None:
        options.wrong("--overcommit-ratio counts only with --overcommit-memory 2")
    instant = next_victim.wanted(options)
    if change == Change() and options.overcommit_memory is None and not instant:
        options.wrong("what should be otherwise? give at least one of the options")
    if (change != Change() or instant) and options.overcommit_memory is not None:
        options.wrong("ask for --overcommit-memory by itself: it refuses instead of killing")
    if instant and options.kill_allocating_task:
        options.wrong("who would ask for memory is not known at an instant: leave out --kill-allocating-task")
    screen = Screen.on(sys.stdout)
    if options.overcommit_memory is not None:
        sys.stdout.write(_overcommit(options, screen))
    elif instant:
        sys.stdout.write(next_victim.answer(options, recorded(options.path, NO_SAMPLES), change, screen))
    else:
        sys.stdout.write(_kills_or_next(options, change, screen))
    return 0


def _kills_or_next(options: argparse.Namespace, change: Change, screen: Screen) -> str:
    """Each OOM report with the change; of a recording without any, its last sample."""
    try:
        source = read(options.path, judged=False)
    except NoReport as error:
        if options.kill_allocating_task:
            raise
        return next_victim.answer(options, error.recordings, change, screen)
    return _kills(options, source, change, screen)


def _kills(options: argparse.Namespace, source: Source, change: Change, screen: Screen) -> str:
    outcomes = [(found, what_if(found.report, found.choice, change)) for found in source.found]
    known = [(found, outcome) for found, outcome in outcomes if outcome is not None]
    for asked in change.rules if known else ():
        if all(asked in outcome.unmatched for _, outcome in known):
            names = {entry.process.name for found, _ in known for entry in found.choice.ranking}
            raise LoadError(next_victim.nobody(asked, options.path, names))
    if options.json:
        answers = [
            {
                "answer": drawn.sentence(found, outcome, visible),
                "source": visible(found.source),
                "line": found.report.place.first_line,
                "outcome": plain(outcome),
            }
            for found, outcome in outcomes
        ]
        return json.dumps({"lastgasp_what_if": FORMAT, "change": plain(change), "reports": answers}, indent=1) + "\n"
    screen.wrap(f"With {screen.text(drawn.changed(change))}:", "", "")
    drawn.draw_all(screen, outcomes)
    return str(screen)


def _overcommit(options: argparse.Namespace, screen: Screen) -> str:
    recordings = recorded(options.path, NO_PROMISES)
    ratio: int | None = options.overcommit_ratio
    found: list[tuple[int, Boot, Answer]] = []
    for recording in recordings:
        for number, boot in enumerate(recording.boots, 1):
            answer = promised(boot, ratio)
            if answer is not None:
                found.append((number, boot, answer))
    if not found:
        raise LoadError(f"{options.path}: Committed_AS or MemTotal is not in this recording, so this cannot be told")
    if options.json:
        boots = [{"boot": number, "answer": {**_fields(answer)}} for number, _, answer in found]
        return json.dumps({"lastgasp_what_if": FORMAT, "overcommit_ratio": ratio, "boots": boots}, indent=1) + "\n"
    for number, boot, answer in found:
        if screen.lines:
            screen.line()
        first = answer.first
        wall = boot.wall_ns(int(first.time)) if first is not None else None
        at = "" if first is None else units.utc(wall) if wall is not None else f"uptime {units.clock(int(first.time))}"
        drawn.overcommit(screen, number, answer, at, _allowance(boot, ratio))
    return str(screen)


def _allowance(boot: Boot, ratio: int | None) -> str:
    """The setting that was reckoned with: the one asked for, or as recorded."""
    kbytes, recorded_ratio = (whole(boot.machine().get(f"vm.overcommit_{name}")) for name in ("kbytes", "ratio"))
    if ratio is None and kbytes:
        return f"vm.overcommit_kbytes={kbytes}"
    if ratio is None:
        ratio = DEFAULT_RATIO if recorded_ratio is None else recorded_ratio
    return f"vm.overcommit_ratio={ratio}"


def _fields(answer: Answer) -> dict[str, object]:
    fields = plain(answer)
    assert isinstance(fields, dict)
    return {**fields, "refuses": answer.refuses, "room_kb": answer.room_kb}
