"""OOM reports on the page: what ``lastgasp oom`` says of each, and the task table as the kernel ranks it."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.holders import held_kb
from lastgasp.analysis.times import Moment
from lastgasp.oom.choice import Cause, Choice
from lastgasp.oom.ranking import Ranked
from lastgasp.oom.report import Killer, Report
from lastgasp.report import units
from lastgasp.report.html.cells import number, size
from lastgasp.report.html.markup import Markup, tag
from lastgasp.report.html.table import scrolled, table
from lastgasp.report.oom.page import next_steps, sentences
from lastgasp.report.oom.recorded import Recorded
from lastgasp.report.oom.words import kb, who
from lastgasp.report.visible import visible

REPORTS = 40  # told one by one: the first few and the last
TABLES = 12  # of these with a task table
ROWS = 40


@dataclass(frozen=True, slots=True)
class Kill:
    """One report: where it stands on the page, and its line in the charts."""

    number: int  # from 0, of all reports of the recording
    at: Moment
    before_recording: bool
    kind: str  # kill, panic, or other: nobody died, or user space decided
    text: str
    recorded: Recorded


def kills(facts: Facts, reports: list[Recorded]) -> tuple[list[Kill], int]:
    """Those that are told, and how many are left out."""
    first = {boot.boot: boot.first.uptime_ms for boot in facts.boots}
    chosen = list(enumerate(reports))
    if len(chosen) > REPORTS:
        chosen = [*chosen[: REPORTS // 4], *chosen[-(REPORTS - REPORTS // 4) :]]
    found = []
    for place, one in chosen:
        report = one.explained.report
        kind, text = _title(report, one.explained.choice)
        found.append(Kill(place, one.at, one.at.uptime_ms < first[one.at.boot], kind, text, one))
    return found, len(reports) - len(chosen)


def _title(report: Report, choice: Choice) -> tuple[str, str]:
    if report.panic is not None:
        return "panic", f"kernel panic: {visible(report.panic)}"
    victims = [who(victim.name, victim.pid, visible) for victim in report.victims]
    if not victims and choice.victim is not None:
        victims = [who(choice.victim.name, choice.victim.pid, visible)]
    if victims:
        more = f" and {len(victims) - 2} more" if len(victims) > 2 else ""
        begin = "OOM kill" if report.killer == Killer.KERNEL else f"killed by {report.killer.value}"
        return "kill", f"{begin}: {', '.join(victims[:2])}{more}"
    if report.refusal is not None:
        return "other", f"memory refused to {who(report.refusal.name, report.refusal.pid, visible)}"
    return "other", "OOM killer invoked; nobody is known to be killed"


def section(facts: Facts, chosen: list[Kill], left_out: int, prefix: str) -> Markup:
    """All of them."""
    body: list[Markup] = []
    if left_out:
        body.append(tag("p", f"{left_out:,} of {left_out + len(chosen):,} reports are left out; --json has all kills."))
    tables = {kill.number for kill in chosen if kill.recorded.explained.choice.ranking}
    tables = set(sorted(tables)[-TABLES:])
    for place, kill in enumerate(chosen):
        body.append(_article(facts, kill, prefix, len(chosen) - place <= 1 or len(chosen) <= 2, kill.number in tables))
    if not chosen:
        body.append(tag("p", "No OOM report among the kernel messages that were recorded."))
    counted = "unknown (before Linux 4.13)" if facts.kills_counted is None else number(facts.kills_counted)
    body.append(tag("p", "OOM kills by the kernel's own count while it was recorded: ", counted, class_="note"))
    return tag("section", tag("h3", "Out of memory"), body, class_="kills", aria_label="Out of memory")


def _article(facts: Facts, kill: Kill, prefix: str, opened: bool, table: bool) -> Markup:
    one = kill.recorded.explained
    when = units.near(kill.at, facts.span)
    before = " (before the recording began)" if kill.before_recording else ""
    said = [tag("p", sentence) for sentence in sentences(one, visible)]
    steps = tag("ul", [tag("li", step) for step in next_steps(one, visible)])
    return tag(
        "details",
        tag("summary", tag("time", when), " ", kill.text, before),
        said,
        _table(one.choice) if table else None,
        tag("h4", "What to do"),
        steps,
        id=f"{prefix}kill-{kill.number}",
        class_=f"kill {kill.kind}",
        open=opened,
    )


def _table(choice: Choice) -> list[Markup]:
    ranked = [entry for entry in choice.ranking if entry.rank is not None]
    spared = sorted((e for e in choice.ranking if e.rank is None), key=lambda e: -held_kb(e, choice.page_kb))
    shown = [*ranked, *spared][:ROWS]
    killed = _killed(choice)
    shown += [entry for entry in choice.ranking if entry.pid in killed and entry not in shown]
    total = (choice.total.pages or 0) * choice.page_kb
    heads = ("#", "process", "pid", "holds", "points", "of which adj", "oom_score_adj", "turns at adj, size")
    caption = (
        "The kernel's task table at that moment, by points (what the kernel chooses by), most first. Measured against"
        f" {kb(total)}, {choice.total.how}. The killed are marked."
    )
    more = len(choice.ranking) - len(shown)
    if more:
        caption += f" {more:,} more processes are left out."
    rows = [_row(choice, entry, entry.pid in killed) for entry in shown]
    return [tag("p", caption, class_="note"), scrolled(table(heads, rows, "tasks"), "Task table at the kill")]


def _killed(choice: Choice) -> set[int | None]:
    killed = {choice.victim.pid if choice.victim else None, *choice.group}
    if choice.victim is not None and choice.cause != Cause.CHILD:
        killed.add(choice.kernel_pid)  # the victim may be told by another of its threads
    return killed - {None}


def _row(choice: Choice, entry: Ranked, killed: bool) -> Markup:
    name: list[object] = [visible(entry.process.name)]
    if killed:
        name += [" ", tag("strong", "killed", class_="badge")]
    return tag(
        "tr",
        tag("td", "–" if entry.rank is None else number(entry.rank), class_="num"),
        tag("th", name, scope="row"),
        tag("td", str(entry.pid), class_="num"),
        tag("td", size(held_kb(entry, choice.page_kb) * 1024), class_="num"),
        tag("td", "never" if entry.points is None else number(entry.points), class_="num"),
        tag("td", "" if not entry.adj_points else number(entry.adj_points, signed=True), class_="num"),
        tag("td", tag("data", str(entry.process.usage.adj), value=entry.process.usage.adj), class_="num"),
        tag("td", _turns(choice, entry), class_="num"),
        class_="victim" if killed else None,
    )


def _turns(choice: Choice, entry: Ranked) -> str:
    """What would have changed the choice, as the terminal's table says it."""
    needs = choice.needs(entry.pid)
    if needs is None or entry.process.passed_over or (needs.chosen and not needs.other and not choice.group):
        return ""
    said = [] if needs.adj is None else [str(needs.adj)]
    if needs.pages is not None:
        said.append(("−" if needs.chosen else "+") + kb(needs.pages * choice.page_kb))
    return " or ".join(said) or "nothing"
