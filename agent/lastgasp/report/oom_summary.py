"""Several OOM reports of one log on a screen: how many, what only all of them together show, and a table."""

from __future__ import annotations

from lastgasp.analysis.oom_cause import Case
from lastgasp.report import units
from lastgasp.report.oom import Explained, when
from lastgasp.report.oom_words import kb, short_case, who
from lastgasp.report.screen import Screen


def summary(screen: Screen, all_found: list[Explained]) -> None:
    """All reports of a log in one table."""
    kills = sum(bool(found.report.victims) for found in all_found)
    panics = sum(found.report.panic is not None for found in all_found)
    refusals = sum(found.report.refusal is not None for found in all_found)
    parts = [units.count(kills, "kill")] if kills else []
    parts += [units.count(panics, "kernel panic")] if panics else []
    parts += [units.count(refusals, "refused allocation")] if refusals else []
    reports = units.count(len(all_found), "event")
    screen.wrap(f"{reports} of memory shortage in this log: {', '.join(parts) or 'nobody killed'}.", "", "", "bad")
    for sentence in _patterns(screen, all_found):
        screen.wrap(sentence, "", "")
    screen.heading(" #   when                 whom                    why")
    for number, found in enumerate(all_found, 1):
        victim = found.choice.victim
        name = who(victim.name, victim.pid or None, screen.text) if victim else "nobody"
        if found.report.panic is not None:
            name = "(kernel panic)"
        if found.report.refusal is not None:
            name = who(found.report.refusal.name, found.report.refusal.pid, screen.text)
        why = short_case(found.cause)
        screen.line(f"{number:>2}   {screen.fit(when(found.report, screen), 20)} {screen.fit(name, 23)} {why}")


def _patterns(screen: Screen, all_found: list[Explained]) -> list[str]:
    """What only several reports show: the same victim again and again, or innocents one after another."""
    said = []
    names: dict[bytes, int] = {}
    for found in all_found:
        if found.choice.victim is not None and found.choice.victim.name:
            names[found.choice.victim.name] = names.get(found.choice.victim.name, 0) + 1
    for name, times in sorted(names.items(), key=lambda item: -item[1])[:1]:
        if times > 2:
            said.append(f"{screen.text(name)} was killed {times} times: it is started again, and fills memory again.")
    shielded = [found for found in all_found if Case.PROTECTED in (found.cause.case, found.cause.within)]
    shielded = [found for found in shielded if found.report.victims]
    if len(shielded) > 1 and shielded[0].cause.holder is not None:
        first, last = shielded[0].cause.holder, shielded[-1].cause.holder
        if last is not None and first.name == last.name:
            size = f"{kb(first.kb)} → {kb(last.kb)}"
            change = f" while it grew ({size})" if last.kb > first.kb * 1.05 and first.pids == last.pids else ""
            said.append(
                f"{len(shielded)} of these kills were in place of {screen.text(first.name)}, which is shielded by its"
                f" oom_score_adj{change}."
            )
    return said
