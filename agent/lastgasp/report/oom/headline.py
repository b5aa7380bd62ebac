"""Who filled the memory and who was killed for it, in one sentence."""

from __future__ import annotations

from lastgasp.analysis.oom.cause import Case, End, OomCause
from lastgasp.analysis.oom.culprit import By, Culprit
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.oom.words import Text, who


def filled(report: Report, choice: Choice, cause: OomCause, culprit: Culprit, text: Text) -> str | None:
    """None: nobody was killed."""
    end = _end(choice, cause, culprit, text)
    if end is None:
        return None
    what = "the memory"
    if cause.case is Case.GROUP:
        path = report.memcg.path if report.memcg is not None else None
        what = f"memory group {text(path)}" if path is not None else "its memory group"
    name = who(culprit.name, culprit.pid, text)
    begin = name if culprit.program else f"{name[0].upper()}{name[1:]}"
    if culprit.by is By.HELD:
        return f"{begin} held most of {what}, {units.size(culprit.bytes)}, {end}."
    begin = begin if culprit.sure else f"Most likely {name}"
    over = f" in {units.duration(culprit.over_ms)}" if culprit.over_ms else ""
    return f"{begin} filled {what} (+{units.size(culprit.bytes)}{over}), {end}."


def _end(choice: Choice, cause: OomCause, culprit: Culprit, text: Text) -> str | None:
    victim = choice.victim
    if cause.end is End.PANIC:
        return "and the kernel panicked"
    if victim is None or cause.end is not End.KILLED:
        return None
    if culprit.killed:
        return "and was killed"
    return f"and {who(victim.name, victim.pid or None, text)} was killed for it"
