"""The sections that say what became of memory: the machine's over time, and who grew."""

from __future__ import annotations

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import Growth, Life
from lastgasp.analysis.shape.trend import Confidence, Shape
from lastgasp.report import counts, units
from lastgasp.report.follows import phrase, told
from lastgasp.report.places import main_place, mapping_name
from lastgasp.report.screen import Screen
from lastgasp.report.sure import SURE

NAMES = 19
ROWS = 12
DRAWN = 6  # rows with a curve
DWARFED = 50  # times smaller than the greatest movement: not worth a row
FLAT = 0.02  # changes by less than this share are not blown up to the height of the curve
VERDICTS = {Shape.FILLED: "filled, stopped", Shape.TOO_SHORT: "too short"}
PLACES = 3
PLACE_LEAST = 0.05  # of the growth


def memory(screen: Screen, facts: Facts) -> None:
    """The machine's memory over time."""
    screen.heading(f"{'MEMORY OVER TIME':58}{'from':>10} {'to':>10}")
    for track in facts.memory:
        curve = screen.spark(track.cells, track.low, max(track.high, track.low * (1 + FLAT)))
        screen.line(f"  {track.name:14} {curve} {units.size(track.first):>10} {units.size(track.last):>10}")
    if not facts.memory:
        screen.line("  unknown: the recording has no meminfo")
    stall = facts.stall
    if stall is None:
        screen.line("  stalls         unknown: this kernel has no PSI, or it is turned off")
    else:
        curve = screen.spark(stall.cells, 0.0, max(stall.highest, 0.01))
        total = units.duration(stall.total_ms) if stall.total_ms else "none"
        screen.line(f"  stalls         {curve} {'at most':>10} {units.percent(stall.highest):>10}")
        screen.line(f"                 time that tasks waited for memory: {total}", "dim")
    if len(facts.boots) > 1:
        screen.line(
            f"                 all {len(facts.boots)} boots one after another, without the time in between", "dim"
        )


def who_grew(screen: Screen, facts: Facts) -> None:
    """The table of programs whose memory changed."""
    seconds, unit = units.rate_unit(facts.span.recorded_ms)
    screen.heading("WHO GREW (anonymous memory, swap included)")
    if facts.growth:
        title = f"{'program':{NAMES}} {'pid':>7} {'from':>9} {'to':>9} {'per ' + unit:>10}  verdict"
        screen.line("  " + title, "dim")
    shown = [growth for growth in facts.growth[:ROWS] if _matters(growth, facts)]
    for number, growth in enumerate(shown):
        _row(screen, growth, seconds)
        if number < DRAWN:
            _details(screen, facts, growth.worst)
    programs = facts.programs
    more = programs.changed - len(shown)
    if more > 0:
        told = len(facts.growth) - len(shown)
        some = f"{told:,} of them" if told < more else "them"
        screen.line(f"  {more:,} more changed; --json tells of {some}", "dim")
    rest = []
    if programs.steady:
        rest.append(f"{units.count(programs.steady, 'program')} steady")
    if programs.too_short:
        what = "" if rest else "program " if programs.too_short == 1 else "programs "
        rest.append(f"{programs.too_short:,} {what}seen too briefly to tell")
    if rest:
        screen.line(f"  {', '.join(rest)}", "dim")
    if not programs.total:
        screen.line("  unknown: the recording knows no process")
    for kernel in facts.machine_leaks:
        verdict = kernel.verdict
        rate = units.signed(verdict.per_s * seconds)
        sizes = f"{units.size(kernel.from_bytes)} → {units.size(kernel.to_bytes)}"
        screen.wrap(f"{kernel.name}: {sizes}, {rate} per {unit}: {verdict.shape}")
        for cache, grown in kernel.caches:
            screen.line(f"    slab cache {screen.text(cache)}: {units.signed(grown)}")
        for what, grown in kernel.within:
            screen.line(f"    perhaps {what}: {units.signed(grown)}")
    for count in facts.counts:
        screen.wrap(counts.line(count, screen.text), "  ", "    ", "bad")


def _matters(growth: Growth, facts: Facts) -> bool:
    """A leak, or a movement that is not dwarfed by the greatest."""
    most = max(other.worst.moved for other in facts.growth)
    return growth.worst.leaks or growth.worst.moved * DWARFED >= most


def _row(screen: Screen, growth: Growth, seconds: int) -> None:
    life, verdict = growth.worst, growth.worst.verdict
    name = screen.text(life.name)
    lives = f" ×{growth.lives}" if growth.lives > 1 else ""
    leak = verdict.shape is Shape.LEAK
    rate = units.signed(verdict.per_s * seconds) if leak else "–"
    said = VERDICTS.get(verdict.shape, verdict.shape.value)
    if leak:
        confidence = verdict.confidence if life.leaks else Confidence.LOW
        said += f"{'?' if confidence is Confidence.LOW else ''} ({SURE[confidence]})"
    cut = screen.fit(name, NAMES - len(lives)).rstrip() + lives
    screen.line(
        f"  {screen.fit(cut, NAMES)} {life.pid:>7} {units.size(life.from_bytes):>9} {units.size(life.to_bytes):>9}"
        f" {rate:>10}  {said}",
        "bad" if leak else "",
    )


def _details(screen: Screen, facts: Facts, life: Life) -> None:
    """Its curve, where the growth is, and how it ended."""
    said = []
    where = life.where
    if where is not None and where.grown is not None and where.grown > 0:
        shown = [place for place in where.places[:PLACES] if (place.share or 0) >= PLACE_LEAST]
        parts = [f"{mapping_name(place.name, screen.text)} {units.percent(place.share)}" for place in shown]
        if parts and main_place(life) is not None:
            said.append("growth: " + ", ".join(parts))
    elif where is not None and where.grown is None and where.places:
        place = where.places[0]
        said.append(f"mappings read once: {units.size(place.bytes)} in {mapping_name(place.name, screen.text)}")
    if life.peak_bytes > max(life.to_bytes, life.from_bytes) * 1.1:
        said.append(f"peak {units.size(life.peak_bytes)}")
    if life.ended:
        said.append(f"ended {units.near(life.last, facts.span)}{_how(life.exit_code)}")
    if life.follows is not None and told(life.follows):
        said.append(phrase(life.follows, screen.text))
    curve = screen.spark(life.cells, 0)
    indent = " " * (len(life.cells) + 6)
    screen.wrap(f"{'; '.join(said)}", f"    {curve}  ", indent)
    if not said:
        screen.line(f"    {curve}")


def _how(code: int | None) -> str:
    if code is None:
        return ""
    signal = code & 0x7F
    return f" by signal {signal}" if signal else f" with exit status {code >> 8}"
