"""What happened, as lines in the charts and as rows of a table: OOM kills, marks, alerts, starts of the agent."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.runs import Run
from lastgasp.analysis.times import Moment
from lastgasp.report import units
from lastgasp.report.html.axis import Axis
from lastgasp.report.html.kills import Kill
from lastgasp.report.html.markup import Markup, tag
from lastgasp.report.visible import visible
from lastgasp.report.when import ENDS, KINDS

MOST = 600  # shown; if there are more, kills and marks go first
WEIGHT = {"kill": 0, "panic": 0, "mark": 1, "other": 2, "run": 2, "alert": 3, "alert.end": 4}


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened. ``kind``: that of a Kill, that of a Happening, or run."""

    at: Moment
    kind: str
    text: str
    kill: int | None = None  # number of the report that tells of it


def happened(facts: Facts, kills: list[Kill]) -> tuple[list[Happened], int]:
    """In the order of time, and how many were left out for being too many."""
    found = [Happened(run.first, "run", _run(run)) for run in facts.runs]
    found += [Happened(one.at, one.kind, f"{KINDS[one.kind]}: {visible(one.text)}") for one in facts.happenings]
    found += [Happened(kill.at, kill.kind, kill.text, kill.number) for kill in kills if not kill.before_recording]
    chosen = sorted(found, key=lambda one: WEIGHT.get(one.kind, 5))[:MOST]
    chosen.sort(key=lambda one: (one.at.boot, one.at.uptime_ms))
    return chosen, len(found) - len(chosen)


def lines(chosen: list[Happened], axis: Axis, facts: Facts) -> list[dict[str, object]]:
    """As the charts draw them."""
    return [
        {
            "x": axis.at(one.at.boot - 1, one.at.uptime_ms),
            "kind": one.kind.replace(".", "-"),
            "text": one.text,
            "when": units.near(one.at, facts.span),
            "kill": one.kill,
        }
        for one in chosen
    ]


def section(chosen: list[Happened], left_out: int, facts: Facts, prefix: str) -> Markup:
    """The table. Its rows are what the lines in the charts lead to, and lead back to them."""
    rows = [
        tag(
            "tr",
            tag("td", tag("time", units.near(one.at, facts.span))),
            tag("td", _told(one, prefix)),
            id=f"{prefix}event-{number}",
            class_=one.kind.replace(".", "-"),
        )
        for number, one in enumerate(chosen)
    ]
    zone = "UTC" if facts.span.last.wall_ns is not None else "uptime"
    return tag(
        "section",
        tag("h3", "What happened"),
        tag("p", f"{left_out:,} more are left out.") if left_out else None,
        tag(
            "table",
            tag("thead", tag("tr", tag("th", f"When ({zone})", scope="col"), tag("th", "What", scope="col"))),
            tag("tbody", rows),
            class_="events",
        ),
        aria_label="What happened",
    )


def _told(one: Happened, prefix: str) -> Markup | str:
    return one.text if one.kill is None else tag("a", one.text, href=f"#{prefix}kill-{one.kill}")


def _run(run: Run) -> str:
    began = "recording began" if run.began else "recording had begun before (its start is overwritten or lost)"
    return f"{began}; after {units.duration(run.last.uptime_ms - run.first.uptime_ms)} {ENDS[run.end]}"
