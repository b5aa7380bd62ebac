"""Who grew: the table of programs with their curves, and what grows in the machine as a whole."""

from __future__ import annotations

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import Growth, Life
from lastgasp.analysis.shape.trend import Confidence, Shape
from lastgasp.analysis.where import Place
from lastgasp.report import counts, units
from lastgasp.report.follows import phrase, told
from lastgasp.report.html.cells import rate, size, sparkline
from lastgasp.report.html.markup import Markup, tag
from lastgasp.report.html.table import scrolled, table
from lastgasp.report.package import package
from lastgasp.report.places import since
from lastgasp.report.sure import SURE
from lastgasp.report.visible import visible

PLACES = 4
CAPTION = "Anonymous memory, swap included, of each program whose memory changed: the guiltiest first."
HEADS = ("program", "pid", "anonymous memory", "from", "to", "peak", "growth", "verdict", "where, since when")


def section(facts: Facts) -> Markup:
    """All that Facts tells of; unknown is shown as unknown."""
    seconds, unit = units.rate_unit(facts.span.recorded_ms)
    rows = [_row(facts, growth, seconds, unit) for growth in facts.growth]
    programs = facts.programs
    rest = f"{units.count(programs.total, 'program')}: {programs.changed:,} changed, {programs.steady:,} steady,"
    rest += f" {programs.too_short:,} seen too briefly to tell."
    if programs.changed > len(facts.growth):
        rest += f" The {len(facts.growth)} that moved most are shown."
    return tag(
        "section",
        tag("h3", "Who grew"),
        tag("p", CAPTION, class_="note") if rows else None,
        scrolled(table(HEADS, rows, "leaks"), "Table of programs that grew") if rows else None,
        tag("p", rest if programs.total else "Unknown: the recording knows no process.", class_="note"),
        _machine(facts, seconds, unit),
        _counts(facts),
        aria_label="Who grew",
    )


def _row(facts: Facts, growth: Growth, seconds: int, unit: str) -> Markup:
    life, verdict = growth.worst, growth.worst.verdict
    leak = verdict.shape is Shape.LEAK
    sure = SURE[verdict.confidence if life.leaks else Confidence.LOW]
    name: list[object] = [visible(life.name)]
    if growth.lives > 1:
        name.append(tag("small", f" ×{growth.lives}"))
    label = f"Curve of {visible(life.name)}: {units.size(life.from_bytes)} to {units.size(life.to_bytes)}"
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", str(life.pid), class_="num"),
        tag("td", sparkline(list(life.cells), label)),
        tag("td", size(life.from_bytes), class_="num"),
        tag("td", size(life.to_bytes), class_="num"),
        tag("td", size(life.peak_bytes), class_="num"),
        tag("td", rate(verdict.per_s, seconds, unit) if leak else "–", class_="num"),
        tag("td", tag("span", verdict.shape.value, f" ({sure})" if leak else None, class_="verdict-cell")),
        tag("td", _where(growth), _follows(life), tag("small", since(life, facts.span)) if leak else None),
        class_="leak" if life.leaks else "suspect" if leak else None,
    )


def _where(growth: Growth) -> list[object]:
    where = growth.worst.where
    if where is None:
        return [tag("small", "mappings never read", class_="unknown"), " "]
    said: list[object] = []
    for place in where.places[:PLACES]:
        if where.grown is None:
            said.append(tag("div", size(place.bytes), _of(place)))
        elif place.grown:
            said.append(tag("div", size(place.grown, signed=True), _of(place)))
    if where.grown is None:
        said.append(tag("small", "mappings read once: that tells where it is, not where it grew. "))
    return said


def _of(place: Place) -> list[object]:
    """In which mapping, and of which package that is."""
    said: list[object] = [" in ", tag("code", visible(place.name))]
    return said if place.owner is None else [*said, f" of {package(place.owner, visible)}"]


def _follows(life: Life) -> Markup | None:
    """Against what work it grows, where that is known."""
    if life.follows is None or not told(life.follows):
        return None
    return tag("div", phrase(life.follows, visible), class_="follows")


def _machine(facts: Facts, seconds: int, unit: str) -> Markup | None:
    if not facts.machine_leaks:
        return None
    rows = []
    for kernel in facts.machine_leaks:
        caches = [
            tag("small", f" slab cache {visible(cache)}: {units.signed(grown)}") for cache, grown in kernel.caches
        ]
        caches += [tag("small", f" perhaps {what}: {units.signed(grown)}") for what, grown in kernel.within]
        rows.append(
            tag(
                "tr",
                tag("th", kernel.name, caches, scope="row"),
                tag("td", size(kernel.from_bytes), class_="num"),
                tag("td", size(kernel.to_bytes), class_="num"),
                tag("td", rate(kernel.verdict.per_s, seconds, unit), class_="num"),
                tag("td", f"{kernel.verdict.shape} ({SURE[kernel.verdict.confidence]})"),
                tag("td", f"since {units.near(kernel.since, facts.span)}"),
                class_="leak",
            )
        )
    heads = ("the machine as a whole", "from", "to", "growth", "verdict", "since")
    return table(heads, rows, "machine-leaks")


def _counts(facts: Facts) -> Markup | None:
    """Open files, threads and the like."""
    if not facts.counts:
        return None
    rows = []
    for count in facts.counts:
        name, kinds = counts.who(count, visible), counts.kinds(count)
        label = f"Curve of the {count.what} of {name}: {count.first:,} to {count.last:,}"
        rows.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                tag("td", count.what, tag("small", f" {kinds}") if kinds else None),
                tag("td", sparkline(list(count.cells), label)),
                tag("td", f"{count.first:,}", class_="num"),
                tag("td", f"{count.last:,}", class_="num"),
                tag("td", f"+{counts.rate(count)}", class_="num"),
                tag("td", f"leak ({SURE[count.verdict.confidence]})"),
                tag("td", counts.since(count, facts.span)),
                class_="leak",
            )
        )
    heads = ("becomes more and more", "what", "curve", "from", "to", "growth", "verdict", "since")
    return table(heads, rows, "count-leaks")
