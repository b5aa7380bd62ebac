"""Memory that ran out with no word from the kernel, in words: a boot that just ends, programs that are refused."""

from __future__ import annotations

from lastgasp.analysis.endings import Refusal, Squeeze, Taker
from lastgasp.analysis.facts import Facts
from lastgasp.report import units
from lastgasp.report.follows import Text
from lastgasp.report.oom.words import who


def sentences(facts: Facts, text: Text) -> list[str]:
    """What to say of each, the last of several boots only; empty when nothing of the kind happened."""
    found = [_squeeze(facts, facts.squeezes[-1], text)] if facts.squeezes else []
    return found + ([_refusal(facts, facts.refusals[-1], text)] if facts.refusals else [])


def _squeeze(facts: Facts, one: Squeeze, text: Text) -> str:
    left = f"{units.size(one.available_bytes)} of {units.size(one.total_bytes)} available"
    if one.last_boot:
        begin = f"The recording ends at {units.near(one.at, facts.span)}, stopped by nobody, with {left}"
    else:
        begin = f"The machine restarted after {units.near(one.at, facts.span)}, when it had {left}"
    more = len(facts.squeezes) - 1
    also = f" So ended {units.count(more, 'more boot')}." if more else ""
    unless = ", unless it was copied while it was running" if one.last_boot else ""
    found = f"{begin}: most likely memory ran out before the kernel's report could be kept{unless}."
    return f"{found}{_takers(one.takers, text)}{also}"


def _refusal(facts: Facts, one: Refusal, text: Text) -> str:
    free = f" while {units.size(one.available_bytes)} were available" if one.available_bytes is not None else ""
    return (
        f"From {units.near(one.first, facts.span)} on programs were most likely refused memory{free}:"
        f" vm.overcommit_memory is 2,"
        f" and what the kernel had promised (Committed_AS, {units.size(one.committed_bytes)}) was at its limit"
        f" (CommitLimit, {units.size(one.limit_bytes)}).{_takers(one.takers, text)}"
    )


def _takers(takers: list[Taker], text: Text) -> str:
    if not takers:
        return ""
    joined = units.listed([f"{who(taker.name, taker.pid, text)} took {units.size(taker.grown)}" for taker in takers])
    return f" {joined[0].upper() if takers[0].pid is None else joined[0]}{joined[1:]}."
