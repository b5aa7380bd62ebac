"""Programs by the names that people give them; and, where there is none of that name, those that they may have meant.

A name is as reports show it (an interpreter with its script), the comm, the script alone, or a pid.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches

from lastgasp.analysis.identity import names_of, program
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Process, Recording

LISTED = 5  # names that are told when there is none as asked for
ALIKE = 0.6  # as difflib measures it


def programs_called(recording: Recording, wanted: bytes) -> set[bytes]:
    """The programs, as they are shown, that go by a name, or have a process of that pid.

    A name that a process has given up since counts only where none bears it now.
    """
    every = _processes([recording])
    found = {program(process) for process in every if _goes_by(process, wanted)}
    return found or {program(process) for process in every if wanted in process.names}


def shown(recordings: Iterable[Recording]) -> set[bytes]:
    """The names of all programs, as they are shown; kernel threads are none."""
    return {program(process) for process in _processes(recordings) if not process.kernel}


def unknown(what: str, where: str, names: Iterable[bytes]) -> str:
    """One line: nobody is called so, with those who are, the nearest first. It is as raw as the names are."""
    known = {os.fsdecode(name) for name in names}
    alike = near(what, known)
    listed = (alike + sorted(known - set(alike)))[:LISTED]
    meant = f"; did you mean '{alike[0]}'?" if alike else ""
    more = " …" if len(known) > len(listed) else ""
    there = f"{' There' if meant else '; there'} are: {', '.join(listed)}{more}" if listed else ""
    return f"no program is called '{what}' in {where}{meant}{there}"


def near(what: str, names: Iterable[str]) -> list[str]:
    """Names like this one, the nearest first: those that it is a part of among them."""
    names = sorted(names)
    alike = get_close_matches(what, names, LISTED, ALIKE)
    holding = [name for name in names if len(what) > 2 and what.lower() in name.lower() and name not in alike]
    return (alike[:1] + holding + alike[1:]) if alike else holding


def _goes_by(process: Process, wanted: bytes) -> bool:
    name = program(process)
    return wanted in (*names_of(process.name, name), b"%d" % process.pid, visible(name).encode())


def _processes(recordings: Iterable[Recording]) -> list[Process]:
    return [process for recording in recordings for boot in recording.boots for process in boot.processes.values()]
