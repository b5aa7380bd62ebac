"""Advice on a screen: first whether settings cure anything here, then each with its caution."""

from __future__ import annotations

from lastgasp.analysis.advice import Advice, Evidence, cured_by_settings
from lastgasp.analysis.oom_cause import Case
from lastgasp.report import units
from lastgasp.report.oom_words import Text
from lastgasp.report.screen import Screen

MORE_BYTES = 16 << 20


def verdict(evidence: Evidence, text: Text) -> str:
    """The sentence at the head."""
    if evidence.leaks:
        leak = evidence.leaks[0]
        words = f"No setting cures this: {text(leak.name)} leaks, and has to be mended."
        if leak.per_s > 0:
            delay = units.duration(MORE_BYTES / leak.per_s * 1000)
            words += f" {units.size(MORE_BYTES)} more memory delay its end by {delay}."
        return words
    cured = cured_by_settings(evidence)
    holder = evidence.cause.holder
    if cured is False:
        what = "kernel memory" if Case.KERNEL in (evidence.cause.case, evidence.cause.within) else "files in tmpfs"
        return f"No setting cures this: {what} filled the RAM, and no kill brings that back. Find who makes it grow."
    if cured is None and holder is not None:
        return (
            f"Whether a setting cures this is open: if {text(holder.name)} leaks, all of them only delay the next kill."
            " One report does not tell: record it first."
        )
    if evidence.cause.case == Case.UNKNOWN:
        return "The report does not tell enough for more than general advice."
    return "Settings can help here, as far as the report tells. Each has its price."


def filled(advice: Advice, text: Text) -> tuple[str, str]:
    """Setting and effect, with the names put in, made visible."""
    names = iter(advice.names)
    parts = []
    for raw in (advice.setting, advice.here):
        pieces = raw.split("{}")
        said = pieces[0]
        for piece in pieces[1:]:
            said += text(next(names, b"?")) + piece
        parts.append(said)
    return parts[0], parts[1]


def draw(screen: Screen, evidence: Evidence, advices: list[Advice]) -> None:
    """All advice on one report."""
    screen.wrap(verdict(evidence, screen.text), "", "", "bad")
    for advice in advices:
        setting, here = filled(advice, screen.text)
        current = f" (it was {screen.text(advice.current)})" if advice.current is not None else ""
        screen.heading(f"{setting}{current}")
        how = "by the kernel's arithmetic" if advice.exact else "a judgement"
        screen.wrap(f"{here} ({how})", "  ", "  ")
        screen.wrap(f"But: {advice.caution}", "  ", "  ", "dim")
