"""The answer before the evidence: who leaks, who was killed, in two or three sentences.

Sentences hold foreign names, made visible already by the function that is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import Growth, Life
from lastgasp.analysis.leading import unlike
from lastgasp.analysis.memory import ANONYMOUS, KernelGrowth
from lastgasp.analysis.oom.events import OomEvent
from lastgasp.analysis.shape.trend import Confidence, Shape
from lastgasp.report import counts, endings, follows, forecast, units, why
from lastgasp.report.oom.words import who
from lastgasp.report.places import most_in, since
from lastgasp.report.sure import DOES

Text = Callable[[bytes], str]
BRIEF_MS = 60_000
SUSPICIOUS_BYTES = 256 * 1024  # growth that is worth a suspicion in the answer


def answer(facts: Facts, text: Text) -> list[str]:
    """The sentences; the first is the one that matters most.

    Where nobody leaks beyond doubt, or another is to blame, what explains the kill comes first: in those words that
    ``lastgasp oom`` has for it.
    """
    found = []
    leaks = facts.leaks
    kill = unlike(facts)
    if kill is not None:
        headline = why.headline(kill, text)
        found += [headline] if headline else []
        found += why.sentences(kill, text)
        taken = why.took_much(kill, text)
        found += [taken] if taken else []
    if leaks:
        found.append(_leak(facts, leaks[0], text))
        followed = follows.sentence("It", leaks[0].worst.follows, text)
        found += [followed] if followed else []
        if leaks[1:]:
            others = [who(growth.worst.name, growth.worst.pid, text) for growth in leaks[1:4]]
            found.append(f"Also leaking: {units.listed(others, len(leaks[4:]))}.")
    if facts.machine_leaks and kill is None:
        found.append(_kernel(facts, facts.machine_leaks[0], text, bool(leaks)))
    counted = counts.sentence(facts.counts, facts.span, text)
    found += [counted] if counted else []
    ended = endings.sentences(facts, text)
    if not found:
        found, ended = ended, []
        suspects = [growth for growth in facts.suspicions if growth.worst.verdict.grown >= SUSPICIOUS_BYTES]
        if suspects:
            found.append(f"Nobody leaks beyond doubt, but {_leak(facts, suspects[0], text)}")
        else:
            found.append(_nobody(facts))
    found += ended
    foreseen = forecast.sentence(facts, text)
    found += [foreseen] if foreseen else []
    return found + _kills(facts, leaks[0].worst if leaks else None, text, kill is not None)


def _leak(facts: Facts, growth: Growth, text: Text) -> str:
    life = growth.worst
    verdict = life.verdict
    does = DOES[verdict.confidence] if life.leaks else DOES[Confidence.LOW]
    sentence = (
        f"{who(life.name, life.pid, text)} {does} {units.rate(verdict.per_s, facts.span.recorded_ms)}: it grew by"
        f" {units.size(verdict.grown)} in {units.duration(verdict.until_ms - verdict.since_ms)}, to"
        f" {units.size(life.judged_bytes)} of anonymous memory{most_in(life, text)}; {since(life, facts.span)}."
    )
    if growth.leaking > 1:
        sentence += f" It did so in {growth.leaking} of its {growth.lives} lives."
    return sentence


def _kernel(facts: Facts, growth: KernelGrowth, text: Text, also: bool) -> str:
    verdict = growth.verdict
    if also:
        begin = "Besides,"
    elif growth.name == ANONYMOUS:
        begin = "No single process leaks, but all of them together do:"
    else:
        begin = "No process leaks memory of its own, but the machine as a whole does:"
    sentence = (
        f"{begin} {growth.name} +{units.rate(verdict.per_s, facts.span.recorded_ms)},"
        f" {units.size(growth.from_bytes)} → {units.size(growth.to_bytes)}"
    )
    if growth.caches:
        sentence += f", most in the slab cache {text(growth.caches[0][0])}"
    return f"{sentence}; since {units.near(growth.since, facts.span)}."


def _nobody(facts: Facts) -> str:
    programs, span = facts.programs, facts.span
    if not span.samples:
        return "Nothing can be told: the recording has no sample that can be decoded."
    if not programs.total:
        return "Nothing can be told of who leaks: the recording knows no process."
    unjudged = programs.too_short + sum(growth.worst.verdict.shape is Shape.TOO_SHORT for growth in facts.growth)
    if unjudged == programs.total:
        taken = units.count(span.samples, "sample")
        return f"Too short to tell who leaks: {taken} in {units.duration(span.recorded_ms)}."
    parts = [f"{programs.steady} steady"] if programs.steady else []
    for shape in Shape:
        number = sum(growth.worst.verdict.shape is shape for growth in facts.growth)
        if number and shape is not Shape.TOO_SHORT:
            parts.append(f"{number} {'under slight suspicion' if shape is Shape.LEAK else shape}")
    if unjudged:
        parts.append(f"{unjudged} seen too briefly to tell")
    lead = "Nobody leaks"
    if any(growth.worst.verdict.shape is Shape.LEAK for growth in facts.growth):
        lead += " beyond doubt"
    if span.recorded_ms < BRIEF_MS:
        lead = f"Nobody was seen to leak in {units.duration(span.recorded_ms)}, which is too short for most leaks"
    return f"{lead}: {units.count(programs.total, 'program')}, {units.listed(parts)}."


def _kills(facts: Facts, leaker: Life | None, text: Text, told: bool) -> list[str]:
    """Who was killed; ``told``: the first kill is told already."""
    kills = [event for event in facts.ooms if not event.before_recording]
    earlier = [event for event in facts.ooms if event.before_recording and event.victim is not None]
    found = [f"The kernel panicked for want of memory: {event.panic}." for event in kills if event.panic]
    victims = [event for event in kills if event.victim is not None]
    if len(victims) == 1 and not told:
        found.append(_one_kill(facts, victims[0], leaker, text))
    elif len(victims) > 1:
        names = Counter(text(event.victim or b"") for event in victims)
        each = [f"{name} ({number} times)" if number > 1 else name for name, number in names.most_common()]
        span = f"between {units.near(victims[0].at, facts.span)} and {units.near(victims[-1].at, facts.span)}"
        innocent = leaker is not None and leaker.name not in {event.victim_program or event.victim for event in victims}
        more = "; none of them is who leaks" if innocent else ""
        whom = units.listed(each[:4], len(each[4:]))
        found.append(f"The OOM killer killed {len(victims)} times {span}: {whom}{more}.")
    unseen = (facts.kills_counted or 0) - len(victims)
    if unseen > 0:
        groups = [] if victims else list(dict.fromkeys(text(group.path) for group in facts.groups if group.oom_kills))
        where = f", at the limit of {units.listed(groups[:3], len(groups[3:]))}" if groups else ""
        found.append(f"The kernel counted {units.count(unseen, 'OOM kill')} whose messages were not recorded{where}.")
    elif not found and not victims and not facts.squeezes:
        found.append("Nobody was killed for memory." if facts.kills_counted is not None else "No OOM kill was seen.")
    if earlier:
        last = earlier[-1]
        found.append(
            f"Before the recording began the kernel had killed {text(last.victim or b'')}"
            f" (pid {last.victim_pid}), at {units.near(last.at, facts.span)}."
        )
    return found


def _one_kill(facts: Facts, event: OomEvent, leaker: Life | None, text: Text) -> str:
    same = leaker is not None and event.victim_pid == leaker.pid and event.at.boot == leaker.last.boot
    victim = "it" if same else f"{text(event.victim or b'')} (pid {event.victim_pid})"
    sentence = f"The OOM killer killed {victim} at {units.near(event.at, facts.span)}"
    if event.limited_by_group:
        sentence += f": {limit_reached(facts, event, text)}"
    if leaker is not None and not same:
        if event.victim_program == leaker.name:
            sentence += "; that was another life of the program that leaks"
        elif event.victim_shape not in (None, Shape.LEAK, Shape.TOO_SHORT):
            sentence += "; that is not who leaks"
    return sentence + "."


def limit_reached(facts: Facts, event: OomEvent, text: Text) -> str:
    """Whose limit it was, and how much that is where the recording knows."""
    if event.group is None:
        return "its memory group was at its limit"
    limits = [group.limit_bytes for group in facts.groups if group.path == event.group]
    limit = f" of {units.size(limits[-1])}" if limits else ""
    return f"memory group {text(event.group)} was at its limit{limit}"
