"""Open files, threads, processes and sockets that become more and more, in words that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lastgasp.analysis.counts import Counted, CountGrowth
from lastgasp.analysis.shape.trend import Confidence
from lastgasp.analysis.times import Span
from lastgasp.report import units
from lastgasp.report.oom import words
from lastgasp.report.sure import SURE

Text = Callable[[bytes], str]
KIND_SHARE = 0.1  # of what became more: below, a kind of file is not worth a word
KIND_NAMES = {"anon": "epoll, eventfd, timers and the like", "shared": "shared memory"}
ADVICE = {
    Counted.FILES: "Look at what {name} opens and never closes (ls -l /proc/{pid}/fd): it ends at its limit of open"
    " files (ulimit -n).",
    Counted.THREADS: "Look for threads that {name} starts and that never end, or are never joined or detached.",
    Counted.PROCESSES: "Look for processes called {name} that are started and never end, or whose parent never waits"
    " for them.",
    Counted.SOCKETS: "Look for sockets that nobody closes (ss -s, ss -tanp).",
}
UNRECORDED = {
    Counted.THREADS: "Who leaks threads: they were not recorded.",
    Counted.FILES: "Who leaks open files: of most programs they were not recorded; the agent has to run as root.",
    Counted.SOCKETS: "Whether sockets are leaked: this kernel has no /proc/net/sockstat, or it was not recorded.",
}


def who(growth: CountGrowth, text: Text) -> str:
    """Whose they are."""
    return "The machine" if growth.name is None else words.who(growth.name, growth.pid, text)


def rate(growth: CountGrowth) -> str:
    """47/min; the first unit of time in which that is one at least."""
    per_s = growth.verdict.per_s
    seconds, unit, _ = next((one for one in units.RATE_UNITS if per_s * one[0] >= 1), units.RATE_UNITS[-1])
    number = per_s * seconds
    return f"{number:,.0f}/{unit}" if number >= 9.95 else f"{number:.1f}/{unit}"


def grew(growth: CountGrowth) -> str:
    """From how many to how many, and how fast."""
    return f"{growth.first:,} → {growth.last:,}, +{rate(growth)}"


def kinds(growth: CountGrowth) -> str:
    """Most of which of them are what; empty where that is not known."""
    of = sum(number for _, number in growth.kinds)
    shown = [KIND_NAMES.get(kind, kind) for kind, number in growth.kinds if number >= KIND_SHARE * of]
    return ", ".join(shown)


def of_kinds(growth: CountGrowth) -> str:
    """The same, to stand behind them in brackets."""
    known = kinds(growth)
    return f" ({known})" if known else ""


def line(growth: CountGrowth, text: Text) -> str:
    """A row of a table."""
    sure = SURE[growth.verdict.confidence]
    return f"{who(growth, text)}: {growth.what} {grew(growth)}{of_kinds(growth)}: leak ({sure})"


def since(growth: CountGrowth, span: Span) -> str:
    """Since when."""
    return f"since {units.near(growth.since, span)}"


def sentence(growths: Sequence[CountGrowth], span: Span, text: Text) -> str | None:
    """The worst, and who else; None where nothing of the kind leaks."""
    if not growths:
        return None
    first = growths[0]
    does = "leaks" if first.verdict.confidence is Confidence.HIGH else "probably leaks"
    said = f"{who(first, text)} {does} {first.what}{of_kinds(first)}: {grew(first)}; {since(first, span)}."
    more = [f"{one.what} of {who(one, text) if one.name is not None else 'the machine'}" for one in growths[1:4]]
    if len(growths) > 4:
        more.append(f"{len(growths) - 4:,} more")
    if more:
        said += f" Also: {', '.join(more)}."
    return said


def advice(growth: CountGrowth, text: Text) -> str:
    """What to look at."""
    name = text(growth.name) if growth.name is not None else ""
    return ADVICE[growth.what].format(name=name, pid="PID" if growth.pid is None else growth.pid)
