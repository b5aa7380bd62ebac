"""``lastgasp check``: recordings against a memory budget, for CI."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lastgasp.analysis.budget.budget import Budget, BudgetError, parse
from lastgasp.analysis.budget.judge import Outcome, Result, judge
from lastgasp.cli.inputs import HELP, Inputs
from lastgasp.report import check as drawn
from lastgasp.report import junit
from lastgasp.report.as_json import plain
from lastgasp.report.check import Checked
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp check --example > memory-budget.toml     a budget to begin with
  lastgasp check ring.lgr --budget memory-budget.toml
  lastgasp check pulled/ --budget memory-budget.toml --junit memory.xml
"""
STATUS = """\
exit status:
  0 every limit was kept
  1 a limit is broken, or a recording could not be read
  2 wrong use, or the budget is no good
  3 none is broken, but some could not be checked (--allow-unchecked: 0)
  130 interrupted
"""
KEPT, BROKEN, WRONG, UNCHECKED = 0, 1, 2, 3
FORMAT = 1
EXAMPLE = Path(__file__).with_name("memory-budget.toml")


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="a memory budget kept or broken, for CI",
        description="Hold recordings of test runs against a memory budget (TOML): what each program and the machine may"
        " take, grow and write. What cannot be checked, because the recording is too short or does not tell, is not"
        " taken for kept.",
    )
    parser.add_argument("paths", nargs="*", metavar="RING", help=HELP)
    parser.add_argument("--budget", metavar="FILE", help="the limits; --example shows what can be in it")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML, for GitLab, GitHub, Jenkins")
    parser.add_argument(
        "--allow-unchecked", action="store_true", help="do not fail for what could not be checked (JUnit: skipped)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.add_argument("--example", action="store_true", help="print a commented budget and end")
    parser.set_defaults(run=run, wrong=parser.error)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the verdict, write the JUnit file. Raises LoadError when no recording could be read."""
    if options.example:
        sys.stdout.write(EXAMPLE.read_text(encoding="utf-8"))
        return KEPT
    if not options.paths or options.budget is None:
        options.wrong("give at least one recording, and --budget FILE (lastgasp check --example shows one)")
    try:
        budget = _budget(options.budget)
    except BudgetError as error:
        sys.stderr.write(f"lastgasp: {visible(f'{options.budget}: {error}')}\n")
        return WRONG
    checked, nothing = check(options.paths, budget, options.allow_unchecked)
    if options.junit is not None:
        Path(options.junit).write_bytes(junit.render(checked, options.budget))
    if nothing is not None:
        raise nothing
    status = _status(checked)
    if options.json:
        sys.stdout.write(_json(checked, options.budget, status))
    else:
        screen = Screen.on(sys.stdout)
        drawn.draw(screen, checked, status == KEPT)
        sys.stdout.write(str(screen))
    return status


def _budget(path: str) -> Budget:
    """Raises BudgetError, also for a file that cannot be read: without a budget there is nothing to say."""
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BudgetError(str(error.strerror or error)) from None
    except UnicodeDecodeError as error:
        raise BudgetError(f"not UTF-8 text (byte {error.start})") from None


def check(paths: list[str], budget: Budget, allow_unchecked: bool) -> tuple[Checked, LoadError | None]:
    """Every recording in the paths; one that cannot be read does not keep the others from being checked.

    The error is there when none could be read.
    """
    inputs = Inputs(paths)
    results: list[Result] = []
    nothing = None
    try:
        results.extend(judge(recording, facts, budget) for recording, facts in inputs.gathered())
    except LoadError as error:
        nothing = error
    return Checked(results, inputs.unreadable, inputs.without, allow_unchecked), nothing


def _status(checked: Checked) -> int:
    if checked.unreadable or checked.those(Outcome.BROKEN):
        return BROKEN
    unchecked = bool(checked.those(Outcome.UNCHECKED)) or not checked.asked
    return UNCHECKED if unchecked and not checked.allow_unchecked else KEPT


def _json(checked: Checked, budget: str, status: int) -> str:
    recordings = [
        {
            "file": visible(result.facts.file),
            "ring_id": result.facts.ring_id,
            "seen_ms": result.seen_ms,
            "checks": [_fields(check, drawn.sentence(check, visible)) for check in result.checks],
        }
        for result in checked.results
    ]
    found = {
        "lastgasp_check": FORMAT,
        "answer": drawn.answer(checked, visible),
        "next": drawn.next_steps(checked, visible),
        "status": status,
        "budget": visible(budget),
        "recordings": recordings,
        "unreadable": [visible(line) for _, line in checked.unreadable],
        "without": [visible(path) for path in checked.without],
    }
    return json.dumps(found, indent=1) + "\n"


def _fields(check: object, said: str) -> dict[str, object]:
    fields = plain(check)
    assert isinstance(fields, dict)
    return {"said": said, **fields}
