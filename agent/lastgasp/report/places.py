"""Where a process grows and since when, in words that several pages share."""

from __future__ import annotations

from collections.abc import Callable

from lastgasp.analysis.growth import Life
from lastgasp.analysis.times import Span
from lastgasp.analysis.where import Place
from lastgasp.report import units
from lastgasp.report.package import package
from lastgasp.report.visible import fit

Text = Callable[[bytes], str]
AT_ONCE_MS = 2_000
MAPPING_WIDTH = 40
PLACE_SHARE = 0.2  # of the growth: below, a mapping is not worth a place in the answer


def main_place(life: Life) -> Place | None:
    """The mapping that grew most; None when none did, or nobody looked twice, or its share is not worth a word."""
    where = life.where
    if where is None or not where.places or where.grown is None or where.grown <= 0:
        return None
    place = where.places[0]
    return place if place.share is not None and place.share >= PLACE_SHARE else None


def most_in(life: Life, text: Text) -> str:
    """, 100 % of it in libnotes.so.1 of notes 1.4.2: behind how much it grew; empty without a main place."""
    place = main_place(life)
    if place is None:
        return ""
    owner = f" of {package(place.owner, text)}" if place.owner is not None else ""
    return f", {units.percent(place.share)} of it in {mapping_name(place.name, text)}{owner}"


def mapping_name(name: bytes, text: Text) -> str:
    """What to call a mapping: a file by its last name, others as the kernel does."""
    return fit(text(name.rpartition(b"/")[2] or name), MAPPING_WIDTH)


def since(life: Life, span: Span) -> str:
    """Since when it has been growing."""
    if life.since.uptime_ms - life.first.uptime_ms > AT_ONCE_MS:
        return f"since {units.near(life.since, span)}"
    if life.started:
        return f"since it started at {units.near(life.first, span)}"
    if span.cuts(life.first):
        return f"since before {units.near(life.first, span)}, where judging begins"
    return f"since before the recording began at {units.near(life.first, span)}"
