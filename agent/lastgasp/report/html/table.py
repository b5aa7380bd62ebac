"""A table of the page: its column heads above its rows."""

from __future__ import annotations

from collections.abc import Sequence

from lastgasp.report.html.markup import Markup, tag


def table(heads: Sequence[str], rows: Sequence[Markup], kind: str) -> Markup:
    """As wide as it gets; ``kind``: its class."""
    head = tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads]))
    return tag("table", head, tag("tbody", rows), class_=kind)


def scrolled(content: Markup, label: str) -> Markup:
    """What is wider than a narrow page scrolls by itself, by keyboard too; ``label``: what a screen reader calls it."""
    return tag("div", content, class_="scroll", tabindex=0, role="group", aria_label=label)
