"""How much room is left: when memory runs out, and the memory groups that have a limit."""

from __future__ import annotations

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.forecast import Forecast
from lastgasp.analysis.groups import Group
from lastgasp.report import units
from lastgasp.report.forecast import within
from lastgasp.report.html.cells import number, rate, size
from lastgasp.report.html.markup import Markup, tag
from lastgasp.report.html.table import scrolled, table
from lastgasp.report.visible import visible

GROUPS = 20


def forecasts(facts: Facts) -> Markup | None:
    """The machine first, then the groups that will be full; nothing where nothing was foreseen nor tried."""
    shown = facts.forecasts[:1] + [one for one in facts.forecasts[1:] if one.in_ms is not None][:GROUPS]
    if not shown:
        return None
    seconds, unit = units.rate_unit(facts.span.recorded_ms)
    return tag(
        "section",
        tag("h3", "When memory runs out"),
        tag(
            "p",
            "Counted from the end of the recording, if all goes on as it did; the range in brackets.",
            class_="note",
        ),
        _table(
            ("what", "when", "growth", "since", "left"),
            [_forecast(facts, one, seconds, unit) for one in shown],
            "forecasts",
        ),
        aria_label="When memory runs out",
    )


def _forecast(facts: Facts, one: Forecast, seconds: int, unit: str) -> Markup:
    growing = one.in_ms is not None and one.per_s is not None
    return tag(
        "tr",
        tag("th", "the machine" if one.group is None else visible(one.group), scope="row"),
        tag("td", within(one)),
        tag("td", rate(one.per_s or 0, seconds, unit) if growing else "–", class_="num"),
        tag("td", units.near(one.since, facts.span) if growing and one.since is not None else "–", class_="num"),
        tag("td", size(one.room_bytes), class_="num"),
    )


def groups(facts: Facts) -> Markup | None:
    """Groups with a limit, the fullest first."""
    if not facts.groups:
        return None
    more = len(facts.groups) - GROUPS
    return tag(
        "section",
        tag("h3", "Memory groups with a limit"),
        _table(
            ("group", "limit", "peak", "of it", "last", "limit hit", "OOM kills"),
            [_group(group) for group in facts.groups[:GROUPS]],
            "groups",
        ),
        tag("p", f"{more:,} more, less full.", class_="note") if more > 0 else None,
        aria_label="Memory groups with a limit",
    )


def _group(group: Group) -> Markup:
    return tag(
        "tr",
        tag("th", visible(group.path), scope="row"),
        tag("td", size(group.limit_bytes), class_="num"),
        tag("td", size(group.peak_bytes), class_="num"),
        tag("td", units.percent(group.peak_bytes / group.limit_bytes), class_="num"),
        tag("td", size(group.last_bytes), class_="num"),
        tag("td", number(group.limit_hits), class_="num"),
        tag("td", number(group.oom_kills), class_="num"),
        class_="leak" if group.near else None,
    )


def _table(heads: tuple[str, ...], rows: list[Markup], kind: str) -> Markup:
    return scrolled(table(heads, rows, kind), heads[0])
