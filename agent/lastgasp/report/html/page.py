"""The whole page, put together.

Nothing in it is loaded from elsewhere, and nothing can be: a content security policy allows only this page's own
script and style, by their hashes, and the script puts text into the page as text. The charts' data is JSON in an
element that is not run, with every ``<`` escaped, so that no name can end that element.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from lastgasp import __version__
from lastgasp.analysis.facts import Facts
from lastgasp.report import limits, terminal, units
from lastgasp.report.answer import answer
from lastgasp.report.html import charts, events, kills, leaks, room
from lastgasp.report.html.data import Contents, contents
from lastgasp.report.html.markup import Markup, tag, trusted
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Recording

SCRIPTS = (
    "numbers.js",
    "dom.js",
    "frames.js",
    "view.js",
    "subjects.js",
    "legend.js",
    "chart.js",
    "hands.js",
    "page.js",
)
GENERATOR = "lastgasp report"
DOCTYPE = "<!doctype html>\n"
FULL = 3  # so many recordings have as many points each as one alone


def render(recordings: Sequence[Recording], gathered: Sequence[Facts]) -> str:
    """The page for these recordings."""
    share = min(1.0, FULL / max(len(recordings), 1))
    found = [contents(recording, facts, share) for recording, facts in zip(recordings, gathered, strict=True)]
    sections = [_recording(one, number, len(found)) for number, one in enumerate(found, 1)]
    title = f"lastgasp: {visible(gathered[0].file)}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    script, style = _script(), _file("style.css")
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:;"
    policy += " base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="generator", content=f"{GENERATOR} {__version__}"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", trusted(style)),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", "lastgasp ", tag("span", "report")),
            _chooser(found),
            tag("button", "Theme: auto", type="button", id="theme", class_="theme"),
        ),
        tag("main", sections),
        tag("footer", tag("p", f"Made by lastgasp {__version__}. This page is one file and loads nothing.")),
        *[
            tag("script", embedded(one.charts), type="application/json", id=f"r{number}-data")
            for number, one in enumerate(found, 1)
        ],
        tag("script", trusted(script)),
    )
    return DOCTYPE + tag("html", head, body, lang="en") + "\n"


def embedded(value: object) -> Markup:
    """JSON that can stand in a script element: without ``<`` nothing in it ends that element or begins another."""
    return trusted(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def _chooser(found: list[Contents]) -> Markup | None:
    if len(found) < 2:
        return None
    links = [
        tag("li", tag("a", visible(one.facts.file), href=f"#r{number}")) for number, one in enumerate(found, 1)
    ]  # fmt: skip
    return tag("nav", tag("ol", links), aria_label="Recordings on this page")


def _recording(one: Contents, number: int, total: int) -> Markup:
    facts = one.facts
    prefix = f"r{number}-"
    bad = facts.bad
    said = answer(facts, visible)
    lead = [tag("p", sentence, class_="lead" if not place else None) for place, sentence in enumerate(said)]
    title = visible(facts.file) if total == 1 else f"{number} of {total}: {visible(facts.file)}"
    return tag(
        "section",
        tag("div", lead, class_=f"verdict {'bad' if bad else 'good'}", role="region", aria_label="Verdict"),
        tag("h2", title),
        _about(facts),
        charts.section(facts, one.charts, prefix),
        leaks.section(facts),
        room.forecasts(facts),
        room.groups(facts),
        kills.section(facts, one.kills, one.kills_left_out, prefix),
        events.section(one.happened, one.happened_left_out, facts, prefix),
        _next(facts),
        _words(facts),
        class_="recording",
        id=f"r{number}",
        aria_label=f"Recording {visible(facts.file)}",
    )


def _about(facts: Facts) -> Markup:
    of, span = facts.machine, facts.span
    where = [visible(of.host) if of.host else "host unknown"]
    where.append(f"Linux {visible(of.kernel)} {visible(of.architecture or b'')}" if of.kernel else "kernel unknown")
    where.append(units.count(of.cpus, "CPU") if of.cpus else "CPUs unknown")
    where.append(f"{units.size(of.total_bytes)} RAM" if of.total_bytes else "RAM unknown")
    if of.system:
        where.append(visible(of.system))
    zone = " UTC" if span.first.wall_ns is not None or span.last.wall_ns is not None else " (clock never set)"
    when = f"{units.stamp(span.first)} to {units.near(span.last, span)}{zone}"
    much = [
        units.duration(span.recorded_ms),
        units.count(span.samples, "sample"),
        units.count(len(facts.boots), "boot"),
    ]
    pairs = (("Where", ", ".join(where)), ("When", when), ("How much", ", ".join(much)))
    return tag("dl", [(tag("dt", name), tag("dd", text)) for name, text in pairs], class_="about")


def _next(facts: Facts) -> Markup:
    steps = limits.next_steps(Screen(), facts)
    return tag(
        "section", tag("h3", "Next"), tag("ul", [tag("li", step) for step in steps]), aria_label="What to do next"
    )


def _words(facts: Facts) -> Markup:
    """Everything as a terminal shows it: also what has no picture."""
    screen = Screen()
    terminal.draw(screen, facts)
    return tag(
        "details",
        tag("summary", "The whole report as a terminal shows it (also: what is missing, what recording cost)"),
        tag("pre", str(screen), tabindex=0),
        class_="words",
    )


def _script() -> str:
    body = "\n".join(_file(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}}})();\n'


@cache
def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def ours(begin: bytes) -> bool:
    """Does a file that begins like this hold a page that was made here?"""
    return begin.startswith(DOCTYPE.encode()) and f'content="{GENERATOR} '.encode() in begin
