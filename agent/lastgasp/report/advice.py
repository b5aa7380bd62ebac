"""Advice on a screen: first whether settings cure anything here, then each with its caution, those that apply first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lastgasp.analysis.advice.piece import Advice, Evidence, Leak, cured_by_settings
from lastgasp.analysis.advice.standing import Standing
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.before import Before, Finding
from lastgasp.analysis.oom.cause import Case, inner
from lastgasp.analysis.oom.culprit import By
from lastgasp.analysis.oom.series import TableGrowth
from lastgasp.analysis.shape.trend import Confidence
from lastgasp.report import endings, units
from lastgasp.report.oom.series import between_reports
from lastgasp.report.oom.words import Text
from lastgasp.report.screen import Screen
from lastgasp.report.tunables import TUNABLES

MORE_BYTES = 64 << 20
SHORT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Other:
    """A setting that nothing here asks to change."""

    setting: str
    current: bytes | None
    does: str
    caution: str


def verdict(evidence: Evidence, grown: TableGrowth | None, before: Before | None, text: Text) -> str:
    """The sentence at the head, on the main report: ``grown`` by other reports, ``before`` by a recording."""
    if evidence.cause.case == Case.BY_HAND:
        return "No setting is to be changed: memory was not short. Find out who asked for the kill (sysrq-f)."
    if evidence.cause.case == Case.USER_SPACE:
        return "A killer in user space decided: its own limits and exceptions count here, not the kernel's settings."
    if evidence.leaks:
        return of_leaks(evidence.leaks, evidence.cause.case == Case.GROUP, text)
    cured = cured_by_settings(evidence)
    holder, named = evidence.cause.holder, evidence.culprit
    if cured is False and named is not None and not named.program and named.by is By.TAKEN:
        return f"Most likely no setting cures this: what makes {text(named.name)} grow has to be found."
    if cured is False:
        what = "kernel memory" if Case.KERNEL in (evidence.cause.case, evidence.cause.within) else "files in tmpfs"
        return f"No setting cures this: {what} filled the RAM, and no kill brings that back. Find who makes it grow."
    if cured is None and named is not None and evidence.blames_another:
        return (
            f"Whether a setting cures this is open: if {text(named.name)} leaks, all of them only delay the next kill."
        )
    if cured is None and before is not None and before.program is not None:
        name = text(before.program.name)
        if before.finding == Finding.MAY_LEAK:
            return (
                f"Whether a setting cures this is open: {name} may leak, by the recording; if it does, all of them only"
                " delay the next kill."
            )
        if before.finding != Finding.TOO_SHORT:
            shape = before.program.verdict.shape
            return f"Settings can help here: by the recording {name} does not leak ({shape}). Each has its price."
    if cured is None and holder is not None and grown is not None:
        sure = grown.confidence is not Confidence.LOW
        begin = "Most likely no setting cures this" if sure else "Whether a setting cures this is open"
        words = f"{begin}: {text(holder.name)} grew; {between_reports(grown)}"
        return f"{words} If it leaks, all of them only delay the next kill."
    if cured is None and holder is not None:
        return (
            f"Whether a setting cures this is open: if {text(holder.name)} leaks, all of them only delay the next kill."
            + (" The recording does not tell: too little of it is from before." if evidence.recorded else "")
            + ("" if evidence.recorded else " One report does not tell: record it first.")
        )
    if Case.CUT in (evidence.cause.case, evidence.cause.within) or evidence.cause.case == Case.UNKNOWN:
        return "The report does not tell enough for more than general advice."
    if inner(evidence.cause) == Case.REFUSED:
        return "This is the work of a setting: vm.overcommit_memory refused, and nobody was killed."
    return "Settings can help here, as far as the report tells. Each has its price."


def of_leaks(leaks: Sequence[Leak], group: bool, text: Text) -> str:
    """What leaks, the first by name, and by how much tuning delays its end: of all of them together."""
    first, more_of_them = leaks[0], len(leaks) - 1
    words = f"No setting cures this: {text(first.name)} leaks, and has to be mended."
    if not first.program:
        words = f"No setting cures this: what makes {text(first.name)} grow has to be found."
    elif more_of_them:
        words = f"No setting cures this: {text(first.name)} and {more_of_them:,} more leak, and have to be mended."
    per_s = sum(leak.per_s for leak in leaks)
    if per_s > 0:
        delay = units.duration(MORE_BYTES / per_s * 1000)
        rate = units.rate(per_s, 60_000 if per_s > 8192 else 86_400_000) + (" together" if more_of_them else "")
        more = "of a higher limit buy" if group else "more of RAM or swap buy"
        words += f" Tuning only delays it: at {rate}, {units.size(MORE_BYTES)} {more} {delay}."
    return words


def of_recording(standing: Standing, facts: Facts, leaks: Sequence[Leak], text: Text) -> str:
    """The sentence at the head where there is no report."""
    told = "".join(f"{said} " for said in endings.sentences(facts, text))
    if leaks:
        return told + of_leaks(leaks, False, text)
    if told:
        return told + _open(facts, text)
    if not facts.span.samples:
        return "Nothing can be advised: the recording has no sample that can be decoded."
    words = "There is no OOM report in this recording"
    if facts.kills_counted:
        counted = units.count(facts.kills_counted, "OOM kill")
        words = f"The kernel counted {counted}, but wrote no report into this recording"
    short = facts.span.recorded_ms < SHORT_MS
    words += ", and it is too short to tell who leaks" if short else ", and nothing leaks beyond doubt"
    if standing.available_least_kb is not None and standing.ram_kb:
        share = units.percent(standing.available_least_kb / standing.ram_kb)
        words += f"; at least {units.size(standing.available_least_kb * 1024)} ({share} of RAM) were available"
    return f"{words}."


def _open(facts: Facts, text: Text) -> str:
    """Of a boot that ended with nothing left, or with programs refused, where nobody is known to leak."""
    takers = (facts.refusals[-1] if facts.refusals else facts.squeezes[-1]).takers
    end = "a higher limit only delays the next refusal" if facts.refusals else "all of them only delay the next end"
    if not takers:
        return f"Whether a setting cures this is open: if somebody leaks, {end}."
    who = f"{text(takers[0].name)} leaks" if takers[0].pid is not None else f"{text(takers[0].name)} go on to grow"
    return f"Whether a setting cures this is open: if {who}, {end}."


def filled(advice: Advice, text: Text) -> tuple[str, str]:
    """Setting and effect, with the names put in, made visible."""
    names = iter(advice.names)
    parts = []
    for raw in (advice.setting, advice.here):
        pieces = raw.split("{}")
        said = pieces[0]
        for piece in pieces[1:]:
            said += text(next(names, b"?")) + piece
        parts.append(said)
    return parts[0], parts[1]


def others(advices: Sequence[Advice], settings: Mapping[str, bytes]) -> Iterator[Other]:
    """All settings that no advice is about."""
    told = " ".join(advice.setting for advice in advices)
    for setting, does, caution in TUNABLES:
        if not any(name in told for name in setting.split(", ")):
            yield Other(setting, settings.get(setting), does, caution)


def draw(screen: Screen, answer: str, advices: Sequence[Advice], rest: Sequence[Other], events: int) -> None:
    """All of it; ``events``: how many reports there are."""
    screen.wrap(answer, "", "", "bad")
    for advice in advices:
        setting, here = filled(advice, screen.text)
        current = f" (it was {screen.text(advice.current)})" if advice.current is not None else ""
        of = f", event{'s' if len(advice.events) > 1 else ''} {_numbers(advice.events)}"
        screen.heading(f"{setting}{current}{of if events > 1 and advice.events else ''}")
        how = "by the kernel's arithmetic" if advice.exact else "a judgement"
        screen.wrap(f"{here} ({how})", "  ", "  ")
        screen.wrap(f"But: {advice.caution}", "  ", "  ", "dim")
    if rest:
        screen.heading("NOTHING HERE ASKS TO CHANGE")
        for other in rest:
            value = f" = {screen.text(other.current)}" if other.current is not None else ""
            screen.wrap(f"{other.setting}{value}: {other.does}; but {other.caution}", "  ", "    ", "dim")


def _numbers(events: Sequence[int]) -> str:
    """1 to 6, 8: stretches of numbers in short."""
    parts: list[list[int]] = []
    for number in events:
        if parts and parts[-1][-1] == number - 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join(" to ".join(map(str, part)) for part in parts)
