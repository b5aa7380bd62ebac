"""Everything about who leaks: since when, how fast, how sure, where, whose code, with what, and until when.

The figures are those of ``lastgasp report``: both speak from the same Facts.
"""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.forecast import Forecast
from lastgasp.analysis.growth import Growth, Life
from lastgasp.analysis.memory import KernelGrowth
from lastgasp.analysis.runs import Happening
from lastgasp.analysis.shape.verdict import Confidence, Shape
from lastgasp.analysis.times import Moment
from lastgasp.analysis.where import Place
from lastgasp.report import counts, follows, forecast, limits, units, when
from lastgasp.report.answer import answer
from lastgasp.report.follows import Text
from lastgasp.report.oom.words import who
from lastgasp.report.package import package
from lastgasp.report.places import mapping_name, most_in, since
from lastgasp.report.screen import Screen
from lastgasp.report.sure import SURE

LEAKERS, SUSPECTS, OTHERS = 8, 8, 12
PLACES = 3
PLACE_LEAST = 0.05  # of the growth
BESIDE_MS = 10_000  # what was marked or set so shortly before a growth begins may have to do with it


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for."""

    process: bytes | None = None  # only programs of this name
    since: str | None = None  # as it was typed: judged only from there


def said(facts: Facts, asked: Question, text: Text) -> list[str]:
    """The answer: that of the report, or, of one process, what became of it."""
    if asked.process is None:
        return answer(facts, text)
    found = []
    for growth in facts.growth:
        life = growth.worst
        name = who(life.name, life.pid, text)
        if life.leaks:
            found += [_leaks(facts, life, name, text), follows.sentence("It", life.follows, text) or ""]
        elif life.verdict.shape is Shape.LEAK:
            found.append(f"{name} may leak: {_grew(facts, life)}{most_in(life, text)}; {since(life, facts.span)}.")
        elif life.verdict.shape is Shape.TOO_SHORT:
            found.append(f"Whether {name} leaks cannot be told: it was seen too briefly, {_sizes(life)}.")
        elif any(one.name == life.name for one in facts.counts):
            found.append(f"Its memory does not leak: {_shape(life)}, {_sizes(life)}.")
        else:
            found.append(f"{name} does not leak: {_shape(life)}, {_sizes(life)}.")
    counted = counts.sentence(facts.counts, facts.span, text)
    steady = facts.programs.steady
    if not found and steady:
        found = ["Its memory is steady."] if counted else [f"{text(asked.process)} does not leak: it is steady."]
    found = [counted, *found] if counted else found
    if not found:
        found.append(f"Whether {text(asked.process)} leaks cannot be told: it was seen too briefly.")
    foreseen = forecast.sentence(facts, text)
    return [sentence for sentence in [*found, foreseen] if sentence]


def _shape(life: Life) -> str:
    return "too short to tell" if life.verdict.shape is Shape.TOO_SHORT else life.verdict.shape.value


def _sizes(life: Life) -> str:
    if life.to_bytes == life.from_bytes:
        return units.size(life.to_bytes)
    return f"{units.size(life.from_bytes)} → {units.size(life.to_bytes)}"


def _leaks(facts: Facts, life: Life, name: str, text: Text) -> str:
    does = "leaks" if life.verdict.confidence is Confidence.HIGH else "probably leaks"
    return f"{name} {does} {_grew(facts, life)}{most_in(life, text)}; {since(life, facts.span)}."


def _grew(facts: Facts, life: Life) -> str:
    verdict = life.verdict
    rate = units.rate(verdict.per_s, facts.span.recorded_ms)
    length = units.duration(verdict.until_ms - verdict.since_ms)
    return f"{rate}: {units.size(verdict.grown)} in {length}, to {units.size(life.judged_bytes)}"


def draw(screen: Screen, facts: Facts, asked: Question) -> None:
    """One recording."""
    leaks, suspects = facts.leaks, facts.suspicions
    bad = bool(leaks or facts.counts or (facts.machine_leaks and asked.process is None))
    for number, sentence in enumerate(said(facts, asked, screen.text)):
        screen.wrap(sentence, "", "", ("bad" if bad else "good") if not number else "")
    screen.line()
    screen.wrap(f"From    {screen.text(facts.file)}", "", "        ")
    when.machine(screen, facts)
    when.span(screen, facts)
    if asked.since is not None:
        begin = f"Since   {screen.text(asked.since)}: what was before is left out"
        screen.wrap(begin, "", "        ")
    if leaks:
        screen.heading("WHO LEAKS (anonymous memory, swap included)")
    for number, growth in enumerate(leaks[:LEAKERS], 1):
        _program(screen, facts, growth, number)
    _more(screen, len(leaks) - LEAKERS)
    if suspects:
        screen.heading("WHO MAY LEAK")
    for number, growth in enumerate(suspects[:SUSPECTS], 1):
        _program(screen, facts, growth, number)
    _more(screen, len(suspects) - SUSPECTS)
    if asked.process is None:
        _machine(screen, facts)
    _counts(screen, facts)
    _others(screen, facts, asked)
    forecast.section(screen, facts)
    limits.unknown(screen, facts)
    limits.advice(screen, facts)


def _more(screen: Screen, number: int) -> None:
    if number > 0:
        screen.line(f"  {number:,} more; --json tells of them", "dim")


def _program(screen: Screen, facts: Facts, growth: Growth, number: int) -> None:
    life = growth.worst
    sure = SURE[life.verdict.confidence if life.leaks else Confidence.LOW]
    lives = f", {growth.leaking} of its {growth.lives} lives" if growth.leaking > 1 else ""
    screen.wrap(f"{number}  {who(life.name, life.pid, screen.text)}: {sure}{lives}", "  ", "     ", "bad")
    row = _Rows(screen)
    row.put("grows", _grew(facts, life))
    beside = _beside(life.since, facts.happenings, screen.text)
    row.put("since", since(life, facts.span).removeprefix("since ") + beside)
    row.put("curve", screen.spark(life.cells, 0) + f"  {_sizes(life)}")
    row.put("where", _where(life, screen.text, facts.span.recorded_ms))
    row.put("with", follows.phrase(life.follows, screen.text))
    if life.group is not None:
        _runs_out(row, facts, life)
    if life.ended:
        row.put("ended", units.near(life.last, facts.span) + _how(life.exit_code))
    if life.command_line and life.command_line != life.name:
        row.put("command", screen.text(life.command_line)[:200])


class _Rows:
    """What is known of one leaker, a row each."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def put(self, name: str, words: str) -> None:
        """One row."""
        self.screen.wrap(words, f"     {name:9}", " " * 14)


def _runs_out(row: _Rows, facts: Facts, life: Life) -> None:
    """What its group's limit leaves of time."""
    of = [one for one in facts.forecasts if one.group is not None and _member(life, one)]
    if of and not life.ended:
        nearest = min(of, key=lambda one: (one.in_ms is None, one.in_ms or 0))
        row.put("limit", f"{row.screen.text(nearest.group or b'')}: {forecast.within(nearest)}")


def _member(life: Life, one: Forecast) -> bool:
    group, path = life.group or b"", one.group or b""
    return group == path or group.startswith(path.rstrip(b"/") + b"/")


def _beside(at: Moment, happenings: list[Happening], text: Text) -> str:
    """A mark or another thing that happened just before it began."""
    near = [
        one
        for one in happenings
        if one.at.boot == at.boot and 0 <= at.uptime_ms - one.at.uptime_ms <= BESIDE_MS and one.kind != "alert.end"
    ]
    if not near:
        return ""
    last = near[-1]
    ago = units.duration(at.uptime_ms - last.at.uptime_ms)
    return f", {ago} after: {when.KINDS.get(last.kind, last.kind)} {text(last.text)}"


def _of_mapping(place: Place, recorded_ms: int) -> str:
    """What its own curve does; nothing where there were too few readings to tell."""
    verdict = place.verdict
    if verdict is None or verdict.shape is Shape.TOO_SHORT:
        return ""
    if verdict.shape is not Shape.LEAK:
        return f" ({verdict.shape})"
    sure = SURE[verdict.confidence if verdict.claims else Confidence.LOW]
    return f" (+{units.rate(verdict.per_s, recorded_ms)}, {sure})"


def _where(life: Life, text: Text, recorded_ms: int) -> str:
    where = life.where
    if where is None:
        return "unknown: its mappings were never read"
    if where.grown is None or where.grown <= 0:
        place = where.places[0] if where.places else None
        told = f"; {units.size(place.bytes)} in {mapping_name(place.name, text)}" if place is not None else ""
        return f"unknown: its mappings were read {'once' if where.readings < 2 else 'while it did not grow'}{told}"
    parts = []
    for place in where.places[:PLACES]:
        if place.share is None or place.share < PLACE_LEAST:
            continue
        owner = f" of {package(place.owner, text)}" if place.owner is not None else ""
        shape = _of_mapping(place, recorded_ms)
        parts.append(f"{mapping_name(place.name, text)} {units.percent(place.share)}{owner}{shape}")
    return ", ".join(parts) or "spread over many mappings"


def _how(code: int | None) -> str:
    if code is None:
        return ""
    signal = code & 0x7F
    return f" by signal {signal}" if signal else f" with exit status {code >> 8}"


def _machine(screen: Screen, facts: Facts) -> None:
    """Memory that is no process'."""
    if not facts.machine_leaks:
        return
    screen.heading("WHAT GROWS AND IS NO PROCESS")
    for growth in facts.machine_leaks:
        _kernel(screen, facts, growth)


def _kernel(screen: Screen, facts: Facts, growth: KernelGrowth) -> None:
    verdict = growth.verdict
    screen.wrap(f"{growth.name}: {SURE[verdict.confidence]}", "  ", "     ", "bad")
    row = _Rows(screen)
    rate = units.rate(verdict.per_s, facts.span.recorded_ms)
    length = units.duration(verdict.until_ms - verdict.since_ms)
    sizes = f"{units.size(growth.from_bytes)} → {units.size(growth.to_bytes)}"
    row.put("grows", f"{rate}: {units.size(verdict.grown)} in {length}, {sizes}")
    row.put("since", units.near(growth.since, facts.span) + _beside(growth.since, facts.happenings, screen.text))
    row.put("with", follows.phrase(growth.follows, screen.text))
    for cache, grown in growth.caches:
        row.put("cache", f"{screen.text(cache)} {units.signed(grown)}")
    for what, grown in growth.within:
        row.put("perhaps", f"{what} {units.signed(grown)}")


def _counts(screen: Screen, facts: Facts) -> None:
    """What becomes more and is no memory."""
    if facts.counts:
        screen.heading("WHAT BECOMES MORE AND MORE")
    for growth in facts.counts[:LEAKERS]:
        sure = SURE[growth.verdict.confidence]
        lives = f", {growth.leaking} of its {growth.lives} lives" if growth.leaking > 1 else ""
        screen.wrap(f"{counts.who(growth, screen.text)}: {growth.what}: {sure}{lives}", "  ", "     ", "bad")
        row = _Rows(screen)
        row.put("grows", counts.grew(growth) + counts.of_kinds(growth))
        row.put("since", units.near(growth.since, facts.span) + _beside(growth.since, facts.happenings, screen.text))
        row.put("curve", screen.spark(growth.cells, 0))
    _more(screen, len(facts.counts) - LEAKERS)


def _others(screen: Screen, facts: Facts, asked: Question) -> None:
    """Who grew and does not leak: so that nobody has to wonder."""
    rest = [growth.worst for growth in facts.growth if growth.worst.verdict.shape not in (Shape.LEAK, Shape.STEADY)]
    if rest:
        screen.heading("WHO CHANGED AND DOES NOT LEAK")
    for life in rest[:OTHERS]:
        name = who(life.name, life.pid, screen.text)
        words = f"{screen.fit(name, 30)} {screen.fit(_sizes(life), 22)} {_shape(life)}"
        screen.line(f"  {words}")
        if life.follows is not None and follows.told(life.follows):
            screen.wrap(follows.phrase(life.follows, screen.text), "     with     ", " " * 14)
    _more(screen, len(rest) - OTHERS)
    if facts.programs.steady and asked.process is None:
        screen.line(f"  {units.count(facts.programs.steady, 'program')} steady", "dim")
