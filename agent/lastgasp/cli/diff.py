"""``lastgasp diff``: what one firmware version needs more than another."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from lastgasp.analysis.compare.diff import Comparison, diff
from lastgasp.analysis.compare.sides import Side
from lastgasp.analysis.facts import Facts
from lastgasp.cli.inputs import Inputs
from lastgasp.report.as_json import plain
from lastgasp.report.diff import page
from lastgasp.report.diff.answer import answer, next_steps
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.ring.source import STDIN
from lastgasp.timeline.load import LoadError
from lastgasp.timeline.model import Recording

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp diff release-1.4.lgr release-1.5.lgr
  lastgasp diff runs-1.4/ runs-1.5/      several runs of each: noise is measured
  lastgasp diff --json old.lgr new.lgr | jq '.programs[] | select(.worse)'
"""
STATUS = """\
exit status:
  0 compared, whatever came out (lastgasp check is for CI); 1 it could not be
  done, or a recording could not be read (it is named, and the others are
  compared); 2 wrong use; 130 interrupted
"""
FORMAT = 1


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "diff",
        help="two firmware versions: who needs more, who leaks now",
        description="Compare recordings of two firmware versions: what each program and the machine needs more or"
        " less, who leaks now, what else is different, and how sure that is. Noise is no difference.",
    )
    parser.add_argument("old", metavar="OLD", help="a recording, plain or gzip, or a folder with several runs below it")
    parser.add_argument("new", metavar="NEW", help="the same of the newer firmware")
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.set_defaults(run=run, wrong=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the comparison. Raises LoadError for a side that holds no recording, or none with a sample."""
    if options.old == STDIN and options.new == STDIN:
        options.wrong("only one of the two can come from standard input")
    old, new = Inputs([options.old]), Inputs([options.new])
    compared = diff(_side(old), _side(new))
    if options.json:
        sys.stdout.write(_json(compared, options.old, options.new))
    else:
        screen = Screen.on(sys.stdout)
        page.draw(screen, compared, options.old, options.new)
        sys.stdout.write(str(screen))
    return max(old.status(), new.status())


def _side(inputs: Inputs) -> list[tuple[Recording, Facts]]:
    found = [(recording, facts) for recording, facts in inputs.gathered() if recording.samples]
    if not found:
        raise LoadError(f"{inputs.paths[0]}: no sample can be decoded, so there is nothing to compare")
    return found


def _json(compared: Comparison, old: str, new: str) -> str:
    found = {
        "lastgasp_diff": FORMAT,
        "answer": answer(compared, visible),
        "next": next_steps(compared, visible, new),
        "old": _described(old, compared.old),
        "new": _described(new, compared.new),
        "conditions": plain(compared.conditions),
        "programs": [
            {
                "worse": one.worse,
                "better": one.better,
                "changed": one.changed,
                "too_brief": one.too_brief,
                **_fields(one),
            }
            for one in compared.programs
        ],
        "machine": [{"worse": item.worse, "changed": item.changed, **_fields(item)} for item in compared.machine],
        "adjusted": plain(compared.adjusted),
    }
    return json.dumps(found, indent=1) + "\n"


def _fields(value: object) -> dict[str, object]:
    fields = plain(value)
    assert isinstance(fields, dict)
    return fields


def _described(path: str, side: Side) -> dict[str, object]:
    return {
        "path": visible(path),
        "files": [visible(facts.file) for facts in side.facts],
        "recorded_ms": side.recorded_ms,
        "boots": side.boots,
        "machine": plain(side.facts[-1].machine),
        "oom_kills": side.kills,
        "reboots": side.reboots,
    }
