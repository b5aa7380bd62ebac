"""Advice on all reports of a log, as one list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lastgasp.analysis.advice.from_report import advise
from lastgasp.analysis.advice.piece import Advice, Evidence
from lastgasp.analysis.oom.cause import inner


def together(evidences: Sequence[Evidence]) -> list[Advice]:
    """Advice on all reports of a log: that on the main one first, then what only others add; each with its events.

    The main one is the first of the kind that is most frequent: those after it are most often its consequence. To
    spare the victim is advised for that one only.
    """
    if not evidences:
        return []
    of = [(number, evidence, advise(evidence)) for number, evidence in enumerate(evidences, 1)]
    first = main_event(evidences)
    ordered = [of[first], *(one for place, one in enumerate(of) if place != first)]
    found: dict[tuple[str, tuple[bytes, ...]], Advice] = {}
    for number, evidence, advices in ordered:
        for advice in advices:
            if advice.key in found:
                known = found[advice.key]
                found[advice.key] = replace(known, events=tuple(sorted({*known.events, number})))
            elif number == first + 1 or not _spares(advice, evidence):
                found[advice.key] = replace(advice, events=(number,))
    return list(found.values())


def main_event(evidences: Sequence[Evidence]) -> int:
    """Its place, from 0."""
    kinds = Counter((one.cause.case, inner(one.cause)) for one in evidences)
    most = max(kinds.values())
    alike = [n for n, one in enumerate(evidences) if kinds[one.cause.case, inner(one.cause)] == most]
    return next((n for n in alike if evidences[n].report.tasks), alike[0])


def _spares(advice: Advice, evidence: Evidence) -> bool:
    """Whether it only sends the kill from this victim to another."""
    model = evidence.choice.model
    return (
        advice.setting.startswith("oom_score_adj") and model is not None and advice.names[:1] == (model.process.name,)
    )
