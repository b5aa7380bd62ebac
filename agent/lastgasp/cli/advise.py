"""``lastgasp advise``: which settings apply to a shortage, what each would have changed, and its caution."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lastgasp.analysis.advice.from_recording import advise_recording
from lastgasp.analysis.advice.piece import Advice, Evidence, Leak
from lastgasp.analysis.advice.standing import Standing, standing
from lastgasp.analysis.advice.together import main_event, together
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.before import Finding
from lastgasp.analysis.shape.trend import Shape
from lastgasp.cli.oom_source import Source, read
from lastgasp.report import advice as drawn
from lastgasp.report import units
from lastgasp.report.oom.page import Explained, when
from lastgasp.report.oom.summary import joined
from lastgasp.report.oom.words import Text
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  lastgasp advise dmesg.txt
  lastgasp advise ring.lgr     with the recorded settings and growth
"""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Advised:
    """All that is said of one input."""

    answer: str
    advices: list[Advice]
    others: list[drawn.Other]
    events: list[Explained]
    main: int | None  # place of the event that the answer is about; None: there was none


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "advise",
        help="which settings would have helped, and what each costs",
        description="Say of each setting that applies to the OOM reports of a log or a recording what it would have"
        " changed, and its caution; of a recording without a report, what its settings leave to be wished. A leak is"
        " not cured by settings, and that is said.",
    )
    parser.add_argument("path", metavar="FILE", help="a kernel log or a recording; -: standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the advice. Raises LoadError where there is nothing to advise on."""
    source = read(options.path, without_report=True)
    if options.json:
        sys.stdout.write(_json(_advised(source, visible)))
        return 0
    screen = Screen.on(sys.stdout)
    advised = _advised(source, screen.text)
    drawn.draw(screen, advised.answer, advised.advices, advised.others, len(advised.events))
    screen.line()
    if advised.main is None:
        screen.wrap("This is from the recording's settings and growth alone.", "", "")
    else:
        report = advised.events[advised.main].report
        which = f"on the report of {when(report, screen)}, line {report.place.first_line:,}"
        count, older = len(source.latest), len(source.found) - len(source.latest)
        if count > 1:
            which = f"on {count} events, first of all number {advised.main + 1} ({when(report, screen)})"
        if older:
            which += f", and not on {units.count(older, 'older event')} in this recording"
        screen.wrap(f"This is {which}: lastgasp oom explains it, lastgasp what-if tries other values.", "", "")
    sys.stdout.write(str(screen))
    return 0


def _advised(source: Source, text: Text) -> Advised:
    standings = [standing(*pair) for pair in zip(source.recordings, source.facts, strict=True)]
    settings: dict[str, bytes] = {}
    for one in standings:
        settings |= one.settings
    general = [
        advice
        for one, facts in zip(standings, source.facts, strict=True)
        for advice in advise_recording(one, facts, _refused_at(one))
    ]
    events, _ = joined(source.found)
    leaks = [leak for facts in source.facts for leak in _leaks(facts)]
    if not events:
        facts = source.facts[0]
        ended = {growth.worst.name for growth in facts.leaks if growth.worst.ended}
        going_on = [leak for leak in _leaks(facts) if not (leak.program and leak.name in ended)]
        answer = drawn.of_recording(standings[0], facts, going_on or leaks, text)
        return Advised(answer, general, list(drawn.others(general, settings)), [], None)
    evidences = [
        Evidence(
            one.report,
            one.choice,
            one.cause,
            settings,
            _leaking(one, leaks),
            bool(source.recordings),
            one.culprit,
        )
        for one in (events[place] for place in source.latest)
    ]
    advices = [
        replace(advice, events=tuple(source.latest[number - 1] + 1 for number in advice.events))
        for advice in together(evidences)
    ]
    known = {advice.key for advice in advices}
    advices += [advice for advice in general if advice.key not in known]
    chosen = main_event(evidences)
    main = source.latest[chosen]
    answer = drawn.verdict(evidences[chosen], events[main].grown, events[main].before, text)
    return Advised(answer, advices, list(drawn.others(advices, settings)), events, main)


def _leaks(facts: Facts) -> Iterator[Leak]:
    """What leaks by the recording as a whole."""
    for growth in facts.leaks:
        yield Leak(growth.worst.name, growth.worst.verdict.per_s)
    for machine in facts.machine_leaks:
        yield Leak(machine.name.encode(), machine.verdict.per_s, program=False)


def _leaking(one: Explained, leaks: Sequence[Leak]) -> Sequence[Leak]:
    """What was known of this report's time; where the recording knows nothing of it, what it knows of those in it."""
    if one.before is not None and one.before.finding is not Finding.UNKNOWN:
        return _blamed(one)
    in_it = {entry.process.name for entry in one.choice.ranking} | {victim.name for victim in one.report.victims}
    return [leak for leak in leaks if not leak.program or leak.name in in_it]


def _blamed(one: Explained) -> Sequence[Leak]:
    """What the recording before the report blames."""
    before = one.before
    if before is None or not before.blamed:
        return ()
    if before.program is not None:
        return (Leak(before.program.name, before.per_s),)
    assert before.machine is not None
    per_s = before.per_s if before.machine.verdict.shape is Shape.LEAK else 0.0  # else no trend to reckon with
    return (Leak(before.machine.name.encode(), per_s, program=False),)


def _refused_at(one: Standing) -> bytes | None:
    return units.stamp(one.refused.at).encode() if one.refused is not None else None


def _json(advised: Advised) -> str:
    said: list[dict[str, object]] = []
    for advice in advised.advices:
        setting, here = drawn.filled(advice, visible)
        current = visible(advice.current) if advice.current is not None else None
        said.append({"setting": setting, "current": current, "here": here, "exact": advice.exact})
        said[-1] |= {"caution": advice.caution, "events": list(advice.events)}
    rest = [
        {"setting": other.setting, "current": visible(other.current) if other.current is not None else None}
        | {"does": other.does, "caution": other.caution}
        for other in advised.others
    ]
    main = advised.main
    line = advised.events[main].report.place.first_line if main is not None else None
    whole = {
        "lastgasp_advise": FORMAT,
        "answer": advised.answer,
        "event": main + 1 if main is not None else None,
        "line": line,
        "advice": said,
        "others": rest,
    }
    return json.dumps(whole, indent=1) + "\n"
