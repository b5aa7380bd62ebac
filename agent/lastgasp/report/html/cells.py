"""Values in the page: what a person reads, with the exact number beside it for a machine."""

from __future__ import annotations

from lastgasp.report import units
from lastgasp.report.html.markup import Markup, tag


def size(value: int | None, signed: bool = False) -> Markup:
    """Bytes."""
    if value is None:
        return tag("span", units.UNKNOWN, class_="unknown")
    return tag("data", units.signed(value) if signed else units.size(value), value=value)


def number(value: int | None, signed: bool = False) -> Markup:
    """A count."""
    if value is None:
        return tag("span", units.UNKNOWN, class_="unknown")
    return tag("data", f"{value:+,}" if signed else f"{value:,}", value=value)


def rate(per_s: float, seconds: int, unit: str) -> Markup:
    """Bytes for a unit of time of so many seconds; the exact number is for one second, as in --json."""
    return tag("data", f"{units.signed(per_s * seconds)}/{unit}", value=str(round(per_s, 4)))


def sparkline(cells: list[int | None], label: str) -> Markup:
    """A curve of equal steps, from 0 up."""
    known = [value for value in cells if value is not None]
    top = max([*known, 1])
    width, height = 4 * max(len(cells) - 1, 1), 24
    points: list[list[str]] = [[]]
    for place, value in enumerate(cells):
        if value is None:
            points.append([])
        else:
            points[-1].append(f"{4 * place},{round(height - 2 - (height - 4) * max(value, 0) / top, 1)}")
    lines = [tag("polyline", points=" ".join(line)) for line in points if line]
    return tag("svg", lines, class_="spark", viewBox=f"0 0 {width} {height}", role="img", aria_label=label)
