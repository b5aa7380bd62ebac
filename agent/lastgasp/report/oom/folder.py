"""A folder of logs and recordings on a screen: every file with an OOM report in one line, the others counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lastgasp.report import units
from lastgasp.report.oom.page import Explained, sentences, stamp
from lastgasp.report.oom.summary import reason
from lastgasp.report.oom.words import Text, who
from lastgasp.report.screen import Screen
from lastgasp.report.visible import fit, fit_end, visible

FORMAT = 1
NAME, NAME_BEGIN = 23, 5  # columns of a file's name, and of its beginning where its middle is left out
NAMED = 5  # files without a report, and such as cannot be read


@dataclass(frozen=True, slots=True)
class Brief:
    """One file with reports. What is told is of the first; names are made visible."""

    file: bytes
    events: int
    kills: int
    panics: int
    when: str
    whom: str
    why: str
    answer: str


@dataclass(frozen=True, slots=True)
class Folder:
    """What was found in it."""

    path: str
    files: Sequence[Brief]
    without: Sequence[bytes]  # names of files without a report
    unreadable: Sequence[str]  # why, with the file's name
    folders: int  # in it, and not looked into


def brief(file: bytes, found: Sequence[Explained], text: Text) -> Brief:
    """A file in short, so that its reports need not be kept."""
    first = found[0]
    victim, refusal = first.choice.victim, first.report.refusal
    whom = who(victim.name, victim.pid or None, text) if victim is not None else "nobody"
    if refusal is not None:
        whom = who(refusal.name, refusal.pid, text)
    if first.report.panic is not None:
        whom = "(kernel panic)"
    return Brief(
        file,
        len(found),
        sum(bool(one.report.victims) for one in found),
        sum(one.report.panic is not None for one in found),
        stamp(first.report, text),
        whom,
        reason(first, text),
        sentences(first, text)[0],
    )


def draw(screen: Screen, folder: Folder) -> None:
    """A line for each file with a report."""
    kills = sum(one.kills for one in folder.files)
    panics = sum(one.panics for one in folder.files)
    counted = [units.count(kills, "kill")] + ([units.count(panics, "kernel panic")] if panics else [])
    total = len(folder.files) + len(folder.without) + len(folder.unreadable)
    files = units.count(total, "file")
    screen.wrap(f"{len(folder.files)} of {files} tell of memory shortage: {', '.join(counted)}.", "", "", "bad")
    screen.heading(f"{'file':<{NAME}}    #  {'whom (the first)':<23} why")
    for name, one in zip(_names(screen, [one.file for one in folder.files]), folder.files, strict=True):
        screen.line(f"{name} {one.events:>4}  {screen.fit(one.whom, 23)} {one.why}")
    screen.line()
    if folder.without:
        names = ", ".join(screen.text(name) for name in folder.without[:NAMED])
        more = ", …" if len(folder.without) > NAMED else ""
        screen.wrap(f"Without an OOM report: {units.count(len(folder.without), 'file')} ({names}{more}).", "", "  ")
    for line in folder.unreadable[:NAMED]:
        screen.wrap(f"Cannot be read: {screen.text(line)}", "", "  ")
    if len(folder.unreadable) > NAMED:
        screen.line(f"Cannot be read: {len(folder.unreadable) - NAMED} more")
    if folder.folders:
        screen.line(f"Not looked into: {units.count(folder.folders, 'folder')} in it.")
    screen.wrap("One of them whole: lastgasp oom FILE", "", "  ")


def _names(screen: Screen, files: Sequence[bytes]) -> list[str]:
    """As wide as their column. Where some are alike when their ends are cut off, their middles are instead."""
    whole = [screen.text(file) for file in files]
    cut = [screen.fit(name, NAME) for name in whole]
    seen = Counter(cut)
    found = []
    for name, short in zip(whole, cut, strict=True):
        if seen[short] > 1:
            end = fit_end(name, NAME - NAME_BEGIN - 1)
            short = screen.fit(f"{fit(name, NAME_BEGIN, '')}{screen.dots}{end}", NAME)
        found.append(short)
    return found


def render(folder: Folder) -> str:
    """The same as one JSON object."""
    whole = {
        "lastgasp_oom": FORMAT,
        "folder": visible(folder.path),
        "files": [{**asdict(one), "file": visible(one.file)} for one in folder.files],
        "without": len(folder.without),
        "unreadable": [visible(line) for line in folder.unreadable],
        "folders": folder.folders,
    }
    return json.dumps(whole, indent=1) + "\n"
