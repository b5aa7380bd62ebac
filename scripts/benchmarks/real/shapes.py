"""What the report says of programs whose truth is known: which leaks it claims, where, and what it calls the others.

It is asked as a user asks it (``facts.gather``), so that what is claimed here is what a report claims. Judged is each
program's own memory: what the machine as a whole does is also the doing of others, who are not in the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import Case
from benchmarks.real import labels
from benchmarks.real.labels import RECORDINGS, Truth
from lastgasp.analysis.facts import gather
from lastgasp.analysis.growth import Growth, growths, life_until
from lastgasp.analysis.identity import KEY
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Process, Recording

REAL = RECORDINGS / "real"
EVERY_S = 150


@dataclass(slots=True)
class Told:
    """What the report says of all programs with one label."""

    truth: Truth
    growths: list[Growth]  # of its programs, the guiltiest first; those of which ``where`` is known are facts.growth's

    @property
    def claimed(self) -> bool:
        """Is a leak of its memory claimed?"""
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
    return list(found.values())


def recordings(folder: Path = REAL) -> list[tuple[str, Recording]]:
    """All recordings in a folder, and what they are called."""
    paths = sorted(folder.glob("*.ring.gz"))
    return [(path.name.removesuffix(".ring.gz"), recording) for path in paths for recording in load(str(path))]


def cases(folder: Path = REAL) -> list[tuple[Case, Told]]:
    """All programs of all recordings in a folder with a table, truth.toml."""
    found = []
    truths = labels.read(folder / "truth.toml")
    for name, recording in recordings(folder):
        for one in told(recording, truths):
            leaks = one.truth.leaks == labels.MEMORY
            kind = f"{one.truth.leaks or 'nothing'} leaks"
            verdict = one.growths[0].worst.verdict
            case = Case(f"{name}: {one.truth.label}", kind, leaks, True, verdict, one.claimed, one.truth.why)
            found.append((case, one))
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """Would a recording that ended at this moment have a process accused?"""

    recording: str
    truth: Truth
    minute: float  # of the recording
    claimed: bool

    @property
    def right(self) -> bool:
        """Is that so?"""
        return self.claimed == (self.truth.leaks == labels.MEMORY)


def asked_often(recording: Recording, name: str, truths: dict[str, Truth], every_s: int = EVERY_S) -> list[Asked]:
    """The same as if the recording had ended at any other moment, from when on the truth can be known."""
    found = []
    for index, boot in enumerate(recording.boots):
        programs: dict[str, list[Process]] = {}
        for process in boot.processes.values():
            if KEY.fullmatch(process.key) and not process.kernel:
                programs.setdefault(labels.label(process.attributes.get("cgroup")), []).append(process)
        for at_ms in range(boot.first_ms + every_s * 1000, boot.last_ms, every_s * 1000):
            for label, processes in programs.items():
                if at_ms < boot.first_ms + truths[label].settles * 60_000:
                    continue
                alive = [one for one in processes if one.gone_ms is None or one.gone_ms > at_ms]
                lives = [life_until(recording.boots, index, one, at_ms) for one in alive]
                claimed = any(life.leaks for life in lives if life is not None)
                found.append(Asked(name, truths[label], (at_ms - boot.first_ms) / 60_000, claimed))
    return found


def render_often(every: Sequence[Asked]) -> str:
    """How often it would have been wrong, and about whom."""
    lines = []
    for leaks, what in ((True, "leaks missed"), (False, "leaks claimed where there is none")):
        asked = [one for one in every if (one.truth.leaks == labels.MEMORY) is leaks]
        wrong = [one for one in asked if not one.right]
        lines.append(f"{what}: {len(wrong)} of {len(asked)} times asked")
        for name in sorted({f"{one.recording}: {one.truth.label}" for one in wrong}):
            minutes = [f"{one.minute:.0f}" for one in wrong if f"{one.recording}: {one.truth.label}" == name]
            lines.append(f"  {name}: at minute {', '.join(minutes)}")
    return "\n".join(lines) + "\n"


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
