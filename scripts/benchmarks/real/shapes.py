"""What the report says of programs whose truth is known: which leaks it claims, where, and what it calls the others.

It is asked as a user asks it (``facts.gather``), so that what is claimed here is what a report claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import Case
from benchmarks.real import labels
from benchmarks.real.labels import RECORDINGS, Truth
from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.growth import Growth, growths
from lastgasp.analysis.memory import SHARED, KernelGrowth
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording

REAL = RECORDINGS / "real"


@dataclass(slots=True)
class Told:
    """What the report says of all programs with one label."""

    truth: Truth
    growths: list[Growth]  # of its programs, the guiltiest first; those of which ``where`` is known are facts.growth's
    machine: KernelGrowth | None = None  # what grows and belongs to no process, where that is what it leaks

    @property
    def claimed(self) -> bool:
        """Is a leak of its memory claimed, or for a filler of tmpfs one of tmpfs files?"""
        if self.truth.leaks == labels.TMPFS:
            return self.machine is not None and self.machine.leaks
        return any(growth.worst.leaks for growth in self.growths)

    @property
    def place(self) -> str:
        """The mapping that grew most; empty: not known."""
        where = self.growths[0].worst.where if self.growths else None
        return where.places[0].name.decode("utf-8", "replace") if where is not None and where.places else ""

    @property
    def shape(self) -> str:
        """What it is called."""
        return str(self.growths[0].worst.verdict.shape)

    @property
    def named_right(self) -> bool:
        """Is the shape one that fits, and for a leak the place?"""
        if self.truth.leaks == labels.MEMORY:
            return self.shape == "leak" and self.place == self.truth.place
        return self.shape in self.truth.shapes


def told(recording: Recording, truths: dict[str, Truth]) -> list[Told]:
    """One for each label whose programs are in the recording. Raises KeyError for a group without a label."""
    facts = gather(recording)
    shown = {growth.name: growth for growth in facts.growth}
    found: dict[str, Told] = {}
    for growth in growths(recording):
        name = labels.label(growth.worst.group)
        found.setdefault(name, Told(truths[name], [])).growths.append(shown.get(growth.name, growth))
    for one in found.values():
        if one.truth.leaks == labels.TMPFS:
            one.machine = next((growth for growth in facts.kernel_growth if growth.name == SHARED), None)
    return list(found.values())


def accused(facts: Facts, truths: dict[str, Truth]) -> list[str]:
    """Labels of those that the report blames beyond doubt, and that lose no memory."""
    return [name for growth in facts.leaks if truths[name := labels.label(growth.worst.group)].leaks != labels.MEMORY]


def cases(folder: Path = REAL) -> list[tuple[Case, Told]]:
    """All programs of all recordings in a folder, each beside its table: NAME.ring.gz and NAME.toml."""
    found = []
    for path in sorted(folder.glob("*.ring.gz")):
        name = path.name.removesuffix(".ring.gz")
        truths = labels.read(folder / f"{name}.toml")
        for recording in load(str(path)):
            for one in told(recording, truths):
                leaks = one.truth.leaks in (labels.MEMORY, labels.TMPFS)
                verdict = one.machine.verdict if one.machine is not None else one.growths[0].worst.verdict
                kind = f"{one.truth.leaks or 'nothing'} leaks"
                case = Case(f"{name}: {one.truth.label}", kind, leaks, True, verdict, one.claimed, one.truth.why)
                found.append((case, one))
    return found


def render(every: Sequence[tuple[Case, Told]]) -> str:
    """A line for each program."""
    lines = []
    for case, one in sorted(every, key=lambda pair: (not pair[0].leaks, pair[0].name)):
        word = "ok   " if case.claimed == case.leaks else "WRONG"
        what = f"{case.verdict.shape} ({case.verdict.confidence})"
        place = f" in {one.place}" if case.claimed and one.place else ""
        unsure = "" if one.named_right or word == "WRONG" else f"; should be: {_should(one.truth)}"
        lines.append(f"{word} {case.name}, {case.kind}: {what}{place}{unsure}")
    leaks = [case for case, _ in every if case.leaks]
    sound = [case for case, _ in every if not case.leaks]
    found, wrong = sum(case.claimed for case in leaks), sum(case.claimed for case in sound)
    lines += ["", f"leaks found: {found} of {len(leaks)}; leaks claimed where there is none: {wrong} of {len(sound)}"]
    return "\n".join(lines) + "\n"


def _should(truth: Truth) -> str:
    return f"leak in {truth.place}" if truth.leaks == labels.MEMORY else " or ".join(truth.shapes)
