"""Owners put to the mappings of processes: a file's package, and for memory without a file the program's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lastgasp.analysis.growth import Life
from lastgasp.analysis.identity import INTERPRETERS
from lastgasp.analysis.ownership.owner import Owners
from lastgasp.timeline.model import Process, Recording

CODE = (b"-c", b"-e", b"-m")  # behind these stands no file


def assign(recording: Recording, lives: Iterable[Life], owners: Owners) -> None:
    """Give every mapping of these lives its owner."""
    for life in lives:
        if life.where is None:
            continue
        process = recording.boots[life.boot - 1].processes.get(life.key)
        program = file_of(process) if process is not None else None
        life.where.places[:] = [
            replace(place, owner=owners.of_mapping(place.name, program)) for place in life.where.places
        ]


def file_of(process: Process) -> bytes | None:
    """The file whose code it runs: its program, but of an interpreter the script; None: not known.

    Whoever mends a leak in a script's memory has to look into the script's package, not into the interpreter's.
    """
    if process.name.rstrip(b"0123456789.") not in INTERPRETERS:
        return process.attributes.get("exe")
    for word in process.attributes.get("cmdline", b"").split(b" ")[1:]:
        if word in CODE:
            return None
        if word[:1] == b"/":
            return word
        if word[:1] != b"-":
            return None
    return None
