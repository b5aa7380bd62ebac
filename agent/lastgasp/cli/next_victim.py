"""``lastgasp what-if RING --at TIME``: who would be killed next at an instant of a recording, with or without a change.

Only what a recording holds counts here, not its OOM reports: those are the matter of ``what_if``.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import replace

from lastgasp.analysis.identity import names_of, program
from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.victim.closest import Course, courses
from lastgasp.analysis.victim.instants import Instant, before_kill, last_sample
from lastgasp.analysis.victim.next_victim import Outlook, Unknown, outlook
from lastgasp.cli.instant import InstantError, find
from lastgasp.oom.what_if import Change, Rule
from lastgasp.report import next_victim as drawn
from lastgasp.report import units
from lastgasp.report.as_json import plain
from lastgasp.report.named import shown, unknown
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError
from lastgasp.timeline.model import Recording

FORMAT = 1
APART_MS = 10_000  # a sample that is older than this is said to be


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options that are for recordings alone."""
    group = parser.add_argument_group("at an instant of a recording, whether there was a kill or not")
    group.add_argument(
        "--at",
        metavar="TIME",
        help="rank the processes that lived then: an uptime (1:02:03), a time in UTC (14:03:10,"
        ' 2026-11-23T14:03:10Z), end (the last sample), oom (the last one before the first kill), mark:"text"; of'
        ' several boots the last one that holds it, or "boot 2 1:02:03"',
    )
    group.add_argument(
        "--process",
        action="append",
        default=[],
        type=_pattern,
        metavar="NAME",
        help="tell how far this process (name, * and ? match; or pid) is from being the next to be killed, at that"
        " instant and at its closest over the recording; may be given several times",
    )


def _pattern(text: str) -> Rule:
    if not text:
        raise argparse.ArgumentTypeError("wants a name or a pid")
    if text.isascii() and text.isdigit():
        return Rule(0, pid=int(text))
    return Rule(0, name=text.encode(errors="surrogateescape"))


def wanted(options: argparse.Namespace) -> bool:
    """Whether what is asked for is an instant of a recording, and not its OOM reports."""
    return options.at is not None or bool(options.process)


def answer(options: argparse.Namespace, found: list[Recording], change: Change, screen: Screen) -> str:
    """The text to print. Raises LoadError where there is no such instant or process, or nothing is known of it."""
    for pattern in (*options.process, *change.rules):
        if not any(_bears(recording, pattern) for recording in found):
            raise LoadError(nobody(pattern, options.path, shown(found)))
    told = []
    errors = []
    for recording in found:
        try:
            instant = _instant(recording, options.at)
            told.append((recording, instant, _outlook(recording, instant, change)))
        except InstantError as error:
            errors.append(str(error))
    if not told:
        raise LoadError(f"{options.path}: {errors[0]}" + (f" (and {len(errors) - 1} more rings)" if errors[1:] else ""))
    made = []
    for number, (recording, instant, ranked) in enumerate(told, 1):
        # Who would be next as it was; with the same change undone.
        was = _outlook(recording, instant, Change()) if change != Change() else None
        over_time = courses(recording, options.process, change) if options.process else []
        if options.json:
            made.append(_object(recording, ranked, was, over_time))
            continue
        if len(told) > 1:
            screen.line(f"RECORDING {number} OF {len(told)} ".ljust(WIDTH, "-"), "head")
        drawn.draw(screen, recording.name, ranked, was, over_time, change, _asked(options.at, recording, instant))
    if options.json:
        return json.dumps({"lastgasp_what_if": FORMAT, "change": plain(change), "instants": made}, indent=1) + "\n"
    return str(screen)


def nobody(pattern: Rule, where: str, names: Iterable[bytes]) -> str:
    """The line for a pattern that is for no process."""
    if pattern.pid is not None:
        return f"no process with pid {pattern.pid} is in {where}"
    return unknown(os.fsdecode(pattern.name or b""), where, names)


def _bears(recording: Recording, pattern: Rule) -> bool:
    return any(
        pattern.fits(process.pid, name)
        for boot in recording.boots
        for process in boot.processes.values()
        for name in names_of(process.name, program(process))
    )


def _instant(recording: Recording, text: str | None) -> Instant:
    """Without a TIME: that which a report tells of, the last sample or the last one before the first kill."""
    if text is not None:
        return find(recording, text)
    found = before_kill(recording, oom_events(recording)) or last_sample(recording)
    if found is None:
        raise InstantError("this recording holds no sample")
    return found


def _outlook(recording: Recording, instant: Instant, change: Change) -> Outlook:
    found = outlook(recording.boots, instant.boot, instant.at_ms, change)
    if isinstance(found, Unknown):
        raise InstantError(f"cannot be told: {drawn.WHY_UNKNOWN[found]}")
    return found


def _asked(text: str | None, recording: Recording, instant: Instant) -> str:
    """What there is to say of the sample that was taken for the instant asked for."""
    boot = recording.boots[instant.boot]
    if text is None:
        last = last_sample(recording)
        return ": the last sample" if instant == last else ": the last sample before the first kill"
    number = boot.sample_at.index(instant.at_ms)
    following = boot.sample_at[number + 1] if number + 1 < len(boot.sample_at) else None
    if following is not None and following - instant.at_ms > APART_MS:
        return f": the sample before {visible(text)}; the next one is {units.duration(following - instant.at_ms)} later"
    return ""


def _object(recording: Recording, found: Outlook, was: Outlook | None, over_time: list[Course]) -> dict[str, object]:
    first = was.first if was is not None else None
    patterns = [course.pattern for course in over_time]
    return {
        "file": visible(recording.name),
        "answer": " ".join([*drawn.about(found, patterns, visible), drawn.sentence(found, was, visible)]),
        "outlook": plain(found),
        "unchanged_first_pid": first.pid if first is not None else None,
        "processes": [
            {**fields, "share": course.share}
            for course in over_time
            if isinstance(fields := plain(replace(course)), dict)
        ],
    }
