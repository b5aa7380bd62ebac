"""OOM reports as one JSON object: what the terminal shows, field by field (JSON.md explains them)."""

from __future__ import annotations

import json

from lastgasp.analysis.oom.holders import held_kb
from lastgasp.analysis.oom.memory import group_memory
from lastgasp.analysis.oom.series import Series, TableGrowth
from lastgasp.oom.choice import Choice
from lastgasp.oom.ranking import Ranked
from lastgasp.report.as_json import plain
from lastgasp.report.oom.page import Explained, next_steps, sentences
from lastgasp.report.oom.summary import joined
from lastgasp.report.visible import visible

FORMAT = 1


def render(found: list[Explained]) -> str:
    """The whole object, ASCII only."""
    events, together = joined(found)
    whole = {"lastgasp_oom": FORMAT, "reports": [_one(item) for item in events], "together": _series(together)}
    return json.dumps(whole, indent=1) + "\n"


def _series(together: Series) -> dict[str, object]:
    return {
        "boots": together.boots,
        "growth": [_growth(one) for one in together.growth],
        "loops": [{**_fields(one), "least_per_s": plain(one.least_per_s)} for one in together.loops],
        "shielded": plain(together.shielded),
        "refusals": plain(together.refusals),
    }


def _growth(one: TableGrowth) -> dict[str, object]:
    return {**_fields(one), "per_s": plain(one.per_s)}


def _fields(value: object) -> dict[str, object]:
    fields = plain(value)
    assert isinstance(fields, dict)
    return fields


def _one(found: Explained) -> dict[str, object]:
    report, choice = found.report, found.choice
    return {
        "answer": sentences(found, visible),
        "source": visible(found.source),
        "cause": plain(found.cause),
        "group_memory": plain(group_memory(report)),
        "choice": _choice(choice),
        "report": plain(report),
        "recorded": [visible(sentence) for sentence in found.recorded],
        "before": plain(found.before),
        "between_reports": _growth(found.grown) if found.grown is not None else None,
        "next": next_steps(found, visible),
    }


def _choice(choice: Choice) -> dict[str, object]:
    return {
        "cause": choice.cause.name.lower(),
        "why": str(choice.cause),
        "agrees": choice.agrees,
        "era": choice.found.era.name,
        "eras_possible": [era.name for era in choice.found.possible],
        "evidence": list(choice.found.evidence),
        "total_pages": choice.total.pages,
        "total_is": choice.total.how,
        "page_kb": choice.page_kb,
        "kernel_pid": choice.kernel_pid,
        "model_pid": choice.model.pid if choice.model else None,
        "doubts": [*choice.caveats, *choice.total.doubts],
        "ranking": [_row(choice, entry) for entry in choice.ranking],
    }


def _row(choice: Choice, entry: Ranked) -> dict[str, object]:
    needs = choice.needs(entry.pid)
    usage = entry.process.usage
    return {
        "rank": entry.rank,
        "pid": entry.pid,
        "name": visible(entry.process.name),
        "held_kb": held_kb(entry, choice.page_kb),
        "rss_pages": usage.rss,
        "swap_pages": usage.swap,
        "page_table_pages": usage.page_tables,
        "oom_score_adj": usage.adj,
        "points": entry.points,
        "adj_points": entry.adj_points,
        "turns_at_adj": needs.adj if needs else None,
        "turns_at_pages": needs.pages if needs else None,
    }
