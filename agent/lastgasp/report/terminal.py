"""The report for a terminal: the answer, then the evidence, then what to do next."""

from __future__ import annotations

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.leading import unlike
from lastgasp.report import forecast, growth, kills, limits, next_victim, when, why
from lastgasp.report.answer import answer
from lastgasp.report.screen import Screen


def draw(screen: Screen, facts: Facts) -> None:
    """One recording."""
    for number, sentence in enumerate(answer(facts, screen.text)):
        screen.wrap(sentence, "", "", ("bad" if facts.bad else "good") if not number else "")
    screen.line()
    screen.wrap(f"From    {screen.text(facts.file)}", "", "        ")
    when.machine(screen, facts)
    when.span(screen, facts)
    why.section(screen, facts, unlike(facts))
    growth.memory(screen, facts)
    growth.who_grew(screen, facts)
    forecast.section(screen, facts)
    kills.kills(screen, facts)
    kills.groups(screen, facts)
    next_victim.section(screen, facts)
    when.boots(screen, facts)
    when.happened(screen, facts)
    limits.losses(screen, facts)
    limits.cost(screen, facts)
    limits.advice(screen, facts)
