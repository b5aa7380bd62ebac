"""Why the kernel killed, in the very words of ``lastgasp oom``; what settings can do, in those of ``advise``."""

from __future__ import annotations

from lastgasp.analysis.advice.piece import Advice, Evidence, Leak
from lastgasp.analysis.advice.together import main_event, together
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.culprit import By
from lastgasp.analysis.oom.kills import Explanation
from lastgasp.analysis.shape.verdict import Shape
from lastgasp.report import advice as advised
from lastgasp.report import units
from lastgasp.report.follows import Text
from lastgasp.report.oom.answer import answer
from lastgasp.report.oom.headline import filled
from lastgasp.report.oom.words import who
from lastgasp.report.screen import Screen

KILLS = 2  # told in full
ALSO = 2
ANYBODY = "vm.oom_kill_allocating_task=1"  # whom it kills is chance: no advice in one line


def sentences(one: Explanation, text: Text) -> list[str]:
    """What ``lastgasp oom`` answers to this report."""
    return answer(one.report, one.choice, one.cause, text, one.before)


def headline(one: Explanation, text: Text) -> str | None:
    """Who filled the memory and who was killed for it; None where the answer itself begins so, or nobody is named."""
    if one.culprit is None or one.culprit.by is By.TAKEN:
        return None
    return filled(one.report, one.choice, one.cause, one.culprit, text)


def took_much(one: Explanation, text: Text) -> str | None:
    """Who else took much memory in the time before; None: nobody."""
    before, culprit = one.before, one.culprit
    if before is None:
        return None
    # So much of that name is told already: or it is the same memory, that of a child between vfork and exec.
    told = (culprit.name, culprit.bytes) if culprit is not None else None
    others = [one for one in before.taken if (one.name, one.bytes) != told]
    others.sort(key=lambda one: one.bytes, reverse=True)
    said = [f"{who(one.name, one.pid, text)} took {units.size(one.bytes)}" for one in others[:ALSO]]
    return f"In the {units.duration(before.recorded_ms)} before, {' and '.join(said)}." if said else None


def section(screen: Screen, facts: Facts, told: Explanation | None) -> None:
    """The first kills, explained, but for the one that is ``told`` already."""
    rest = [one for one in facts.explained if one is not told]
    if not rest:
        return
    screen.heading("WHY THE KERNEL KILLED")
    for one in rest[:KILLS]:
        when = units.near(one.at, facts.span)
        screen.wrap(f"{when}  {' '.join(sentences(one, screen.text))}", "  ", "    ")
    more = (
        len({event.at for event in facts.ooms if not event.before_recording}) - len(facts.explained) + len(rest) - KILLS
    )
    if more > 0:
        screen.line(f"  {units.count(more, 'more event')}: lastgasp oom explains each", "dim")


def by_settings(facts: Facts, text: Text) -> list[str]:
    """Whether settings cure it, and the first one whose effect is certain; empty without an OOM report."""
    evidences = [_evidence(one) for one in facts.explained]
    if not evidences:
        return []
    main = main_event(evidences)
    found = [advised.verdict(evidences[main], None, facts.explained[main].before, text)]
    pieces = together(evidences)
    certain = [piece for piece in pieces if piece.exact and piece.setting != ANYBODY and not _shields(piece, facts)]
    if certain:
        setting, here = advised.filled(certain[0], text)
        found.append(f"{setting}: {here} But: {certain[0].caution}")
    if pieces:
        found[-1] += f" lastgasp advise tells of {units.count(len(pieces), 'setting')} and the caution of each."
    return found


def _shields(piece: Advice, facts: Facts) -> bool:
    """Would it spare who is to blame for one of the kills?"""
    blamed = {one.culprit.name for one in facts.explained if one.culprit is not None and one.culprit.program}
    return piece.spares and bool(blamed.intersection(piece.names[:1]))


def _evidence(one: Explanation) -> Evidence:
    before = one.before
    leaks: tuple[Leak, ...] = ()
    if before is not None and before.blamed:
        if before.program is not None:
            leaks = (Leak(before.program.name, before.per_s),)
        elif before.machine is not None:
            per_s = before.per_s if before.machine.verdict.shape is Shape.LEAK else 0.0
            leaks = (Leak(before.machine.name.encode(), per_s, program=False),)
    return Evidence(one.report, one.choice, one.cause, {}, leaks, True, one.culprit)
