"""What the recording before a kill says, in words and on a screen: who grew, since when, how fast, by which mapping."""

from __future__ import annotations

from lastgasp.analysis.growth import Life
from lastgasp.analysis.memory import SHARED, SLAB, UNACCOUNTED, KernelGrowth
from lastgasp.analysis.oom.before import Before, Finding
from lastgasp.analysis.oom.minutes import LAST_MS, STARTED, Happened
from lastgasp.analysis.oom.taken import took
from lastgasp.analysis.shape.trend import Confidence, Shape, Verdict
from lastgasp.analysis.times import Span
from lastgasp.report import units
from lastgasp.report.oom.words import Text, who
from lastgasp.report.places import mapping_name, most_in, since
from lastgasp.report.screen import Screen
from lastgasp.report.sure import DOES, SURE
from lastgasp.report.when import KINDS

SHOWN = 8
PLACES = 3
PLACE_LEAST = 0.05  # of the growth
NAME = 14
NAMES = {SHARED: "shared, tmpfs", SLAB: "slab", UNACCOUNTED: "unaccounted"}


def clause(before: Before, killed: int | None, text: Text) -> str:
    """What the first sentence adds on who is to blame; empty where nobody is, or where it is not known."""
    if not before.blamed:
        return ""
    rate = speed(before)
    life, machine = before.program, before.machine
    if life is not None:
        does = f"{DOES[life.verdict.confidence]} {rate}"
        if life.pid == killed:
            return f"; that is the one to blame: it {does}"
        return f"; to blame is {who(life.name, life.pid, text)}, which {does}"
    name = machine.name if machine is not None else "memory"
    grown, over = before.grown
    return f"; to blame is no process: {name} grew by {units.size(grown)} in {units.duration(over)}"


def speed(before: Before) -> str:
    """How fast memory went, in the unit of time that fits how long it did."""
    return units.rate(before.per_s, before.grown[1])


def _rate(verdict: Verdict) -> str:
    return units.rate(verdict.per_s, verdict.until_ms - verdict.since_ms)


def history(before: Before, killed: int | None, text: Text) -> str:
    """What became of the one who held most, in place of what one instant can't tell."""
    life, machine = before.program, before.machine
    if life is not None:
        return _of_life(before, life, "It" if life.pid == killed else who(life.name, life.pid, text), text)
    if machine is not None:
        return _of_machine(before, machine, text)
    if not before.recorded_ms:
        return "The recording began only after this: what grew before is not in it."
    return "What it did before is not told: the recording has not seen it."


def _of_life(before: Before, life: Life, name: str, text: Text) -> str:
    verdict, span = life.verdict, _span(before)
    grew = f"it grew by {units.size(verdict.grown)} in {units.duration(verdict.until_ms - verdict.since_ms)}"
    grew += f", to {units.size(life.to_bytes)} of its own memory"
    finding = before.finding
    if finding in (Finding.LEAKS, Finding.MAY_LEAK):
        does = DOES[verdict.confidence if life.leaks else Confidence.LOW]
        begin = f"{name}{grew[2:]}" if before.blamed else f"{name} {does}: {grew}"
        return f"{begin}{most_in(life, text)}; {since(life, span)}."
    seen = f"in the {units.duration(before.at.uptime_ms - life.first.uptime_ms)} before"
    if finding == Finding.TOO_SHORT:
        return _too_short(before, life)
    if finding == Finding.STEADY:
        began = "it started" if life.started else "the recording began"
        return (
            f"It is this large since {began} at {units.near(life.first, span)} and did not grow {seen}: no leak, but"
            " more than there is room for."
        )
    if finding == Finding.SAWTOOTH:
        peak = units.size(life.peak_bytes)
        return f"It took memory and gave it back {seen}, up to {peak}: no leak, but its peaks need room."
    if finding == Finding.FILLED:
        return f"It filled up, as a cache does, and stopped at {units.size(life.to_bytes)}: no leak {seen}."
    if finding == Finding.STEP:
        at = units.near(life.since, span)
        if verdict.confidence is Confidence.LOW:
            return (
                f"It grew by {units.size(verdict.grown)} in the end, from {at} on: too short to tell a leak from one"
                " large piece of work."
            )
        return (
            f"It grew by {units.size(verdict.grown)} in one step at {at}: one large piece of work, rather than a leak."
        )
    return f"It became smaller {seen}: no leak."


def _too_short(before: Before, life: Life) -> str:
    ago = units.duration(before.at.uptime_ms - life.first.uptime_ms)
    if life.started:
        return f"It had started only {ago} before: too short to tell a leak from a program that is simply this large."
    ago = units.duration(before.recorded_ms)
    return f"The recording had begun only {ago} before: too short to tell whether it grows."


def _of_machine(before: Before, machine: KernelGrowth, text: Text) -> str:
    verdict, span = machine.verdict, _span(before)
    recorded = units.duration(before.recorded_ms)
    sizes = f"{units.size(machine.from_bytes)} → {units.size(machine.to_bytes)}"
    if not before.blamed:
        if before.finding == Finding.TOO_SHORT:
            return f"The recording had begun only {recorded} before: too short to tell of growth."
        return f"In the {recorded} before, {machine.name} did not grow like a leak ({sizes})."
    name = f"{machine.name[0].upper()}{machine.name[1:]}"
    if verdict.shape is not Shape.LEAK:
        return f"{name} went {sizes}; whether it would have gone on is not to be seen in its curve."
    words = f"{name} grew at {speed(before)}, {sizes}"
    if machine.caches:
        words += f", most in the slab cache {text(machine.caches[0][0])}"
    return f"{words}; since {units.near(machine.since, span)}."


def _span(before: Before) -> Span:
    return Span(before.began, before.at, before.recorded_ms, before.samples, None)


def draw(screen: Screen, before: Before, panic: bool) -> None:
    """The section."""
    screen.heading(f"BEFORE THE {'PANIC' if panic else 'KILL'}")
    span = _span(before)
    if before.sampled_ms is None:
        screen.wrap("nothing: this boot's recording began only after it", "  ")
        return
    life, machine = before.program, before.machine
    if before.sizes:
        name = screen.text(life.name) if life is not None else units.UNKNOWN
        if machine is not None:
            name = NAMES.get(machine.name, machine.name)
        _curve(screen, name, before.curve, 0)
    if before.available:
        _curve(screen, "available", before.available, 0)
    ends = f"{units.near(before.began, span)} to {units.near(before.at, span)}"
    last = units.duration(before.sampled_ms)
    screen.wrap(
        f"{'':{NAME}} {ends}, {units.count(before.samples, 'sample')}, the last {last} before", "  ", " " * 17, "dim"
    )
    if before.sizes:
        held = [f"{units.size(size.bytes)} {_ago(size.before_ms)}" for size in before.sizes[:-1]]
        held.append(f"{units.size(before.sizes[-1].bytes)} at the last sample")
        screen.wrap(f"it held {', '.join(held)}", "  ", "    ")
    _verdict(screen, before, span)
    for other in before.also[:PLACES]:
        too = ", too" if before.finding == Finding.LEAKS else ""
        words = f"{DOES[other.verdict.confidence]}{too}: {_rate(other.verdict)}"
        if not other.leaks:
            words = f"grew by {units.size(other.change)} meanwhile, to {units.size(other.to_bytes)}"
            if took(other, before.at.uptime_ms) > other.change:
                words = f"started at {units.near(other.first, span)} and took {units.size(other.to_bytes)}"
            words += f" ({other.verdict.shape})"
        screen.wrap(f"{who(other.name, other.pid, screen.text)} {words}", "  ", "    ")
    _minutes(screen, before, span)


def _curve(screen: Screen, name: str, cells: tuple[int | None, ...], low: int) -> None:
    known = [cell for cell in cells if cell is not None]
    if known:
        curve = screen.spark(cells, low)
        screen.line(f"  {screen.fit(name, NAME)} {curve} {units.size(known[0]):>9} {units.size(known[-1]):>9}")


def _ago(ms: int) -> str:
    return f"{ms // 60_000} min before"


def _verdict(screen: Screen, before: Before, span: Span) -> None:
    life, machine = before.program, before.machine
    of = life or machine
    if of is None:
        screen.wrap(
            "who held most was not recorded: it began after the last sample, or under another name", "  ", "    "
        )
        return
    verdict = of.verdict
    if before.blamed or before.finding == Finding.MAY_LEAK:
        sure = SURE[verdict.confidence if life is None or life.leaks else Confidence.LOW]
        rate = _rate(verdict)
        ago = units.duration(before.at.uptime_ms - of.since.uptime_ms)
        what = "leak" if life is not None else "grows on"
        if verdict.shape is not Shape.LEAK:
            screen.wrap(f"verdict: it grew, {verdict.shape}", "  ", "    ", "bad")
            return
        screen.wrap(
            f"verdict: {what} ({sure}), {rate} since {units.near(of.since, span)}, {ago} before", "  ", "    ", "bad"
        )
    else:
        screen.wrap(f"verdict: {verdict.shape}", "  ", "    ")
    if machine is not None:
        for cache, grown in machine.caches:
            screen.line(f"    slab cache {screen.text(cache)}: {units.signed(grown)}")
    where = life.where if life is not None else None
    if where is not None and where.grown is not None and where.grown > 0:
        shown = [place for place in where.places[:PLACES] if (place.share or 0) >= PLACE_LEAST]
        parts = [f"{mapping_name(place.name, screen.text)} {units.percent(place.share)}" for place in shown]
        screen.wrap(f"growth by mapping: {', '.join(parts)}", "  ", "    ")
    elif where is not None and where.places:
        place = where.places[0]
        name = mapping_name(place.name, screen.text)
        screen.wrap(f"mappings read once: {units.size(place.bytes)} in {name}", "  ", "    ")


def _minutes(screen: Screen, before: Before, span: Span) -> None:
    for load in before.loads:
        rates = [units.rate(value, before.recorded_ms) for value in (load.per_s, load.before_per_s)]
        over = units.duration(load.over_ms)
        screen.wrap(f"{load.name}: {rates[0]} in the last {over}, {rates[1]} before", "  ", "    ")
    if not before.happened:
        return
    screen.line(f"  in the last {units.duration(min(LAST_MS, before.recorded_ms))}:")
    if len(before.happened) > SHOWN:
        screen.line(f"    … {len(before.happened) - SHOWN:,} earlier entries; --json tells of them", "dim")
    for one in before.happened[-SHOWN:]:
        when = units.near(one.at, span)
        screen.wrap(f"{when}  {_entry(one, screen.text, span)}", "    ", " " * (len(when) + 6))


def _entry(one: Happened, text: Text, span: Span) -> str:
    if one.kind in KINDS:
        return f"{KINDS[one.kind]}: {text(one.text)}"
    does = "started" if one.kind == STARTED else f"ended{_how(one.exit_code)}"
    if one.times > 1:
        return f"{text(one.text)} {does}, {one.times:,} times, the last at {units.near(one.last, span)} (pid {one.pid})"
    return f"{who(one.text, one.pid, text)} {does}"


def _how(code: int | None) -> str:
    if code is None:
        return ""
    signal = code & 0x7F
    return f" by signal {signal}" if signal else f" with exit status {code >> 8}"
