"""Which of the kernel's settings apply to a shortage, what each would have changed there, and its caution.

Pure, over one OOM report and what a recording around it knows. What the arithmetic of ``what_if`` or ``overcommit``
gives is exact for that instant; all else is a judgement, and marked so. No setting is recommended as a leak's cure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lastgasp.analysis.oom_cause import Case, OomCause, inner
from lastgasp.analysis.oom_memory import Part
from lastgasp.oom.choice import Choice
from lastgasp.oom.overcommit import Answer
from lastgasp.oom.report import Report
from lastgasp.oom.what_if import Change, Outcome, Rule, what_if

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Leak:
    """A program that leaks beyond doubt, by the recording."""

    name: bytes
    per_s: float  # bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that advice is made of."""

    report: Report
    choice: Choice
    cause: OomCause
    settings: Mapping[str, bytes]  # "vm.swappiness" …, as recorded; empty for a text log
    leaks: Sequence[Leak]
    overcommit: Answer | None  # mode 2 over the recording; None: not recorded


@dataclass(frozen=True, slots=True)
class Advice:
    """One setting. In ``setting`` and then in ``here`` each {} stands for one of ``names``, which are raw."""

    setting: str
    current: bytes | None  # None: not recorded
    here: str
    names: tuple[bytes, ...]
    exact: bool  # by the kernel's own arithmetic, else a judgement
    caution: str


def cured_by_settings(evidence: Evidence) -> bool | None:
    """False: no setting cures this. None: one report doesn't tell."""
    case = inner(evidence.cause)
    if evidence.leaks or case in (Case.KERNEL, Case.SHMEM):
        return False
    return None if case in (Case.ONE_PROCESS, Case.PROTECTED) else True


def advise(evidence: Evidence) -> list[Advice]:
    """The settings that apply, those that matter most here first."""
    found: list[Advice | None] = [
        *_adj(evidence),
        _own_limit(evidence),
        _limit(evidence),
        _group(evidence),
        _fragments(evidence),
        _boost(evidence),
        _swap(evidence),
        _overcommit(evidence),
        _allocating(evidence),
        _panic(evidence),
        _dump(evidence),
    ]
    return [advice for advice in found if advice is not None]


def _first(outcome: Outcome | None) -> tuple[str, tuple[bytes, ...]]:
    if outcome is None:
        return "", ()
    if not outcome.kills:
        return "nobody could be killed: the kernel panics", ()
    return f"the kernel takes {{}} (pid {outcome.kills[0].pid})", (outcome.kills[0].name,)


def _adj(evidence: Evidence) -> list[Advice | None]:
    """To spare the victim, and to no longer shield who holds most."""
    report, choice, cause = evidence.report, evidence.choice, evidence.cause
    if choice.model is None or choice.total.pages is None:
        return []
    found: list[Advice | None] = []
    holder = cause.holder
    if inner(cause) == Case.PROTECTED and holder is not None:
        outcome = what_if(report, choice, Change(tuple(Rule(0, pid=pid) for pid in holder.pids)))
        words, names = _first(outcome)
        found.append(
            Advice(
                "oom_score_adj of {} to 0",
                None,
                f"With 0 instead of its shield, {words}.",
                (holder.name, *names),
                True,
                "If it is vital, its end has to be handled: a supervisor that starts it again, or a watchdog.",
            )
        )
    needs = choice.needs(choice.model.pid)
    if needs is not None and needs.adj is not None and needs.other is not None:
        victim = choice.model
        outcome = what_if(report, choice, Change((Rule(needs.adj, pid=victim.pid),)))
        words, names = _first(outcome)
        caution = "Sparing one shifts the kill to another, and a leak behind it goes on."
        share = (cause.protected_kb + 0.0) / max(choice.total.pages * choice.page_kb, 1)
        if share > HALF:
            caution += " Already half of all memory may not be taken: protecting more starves watchdogs and loggers."
        found.append(
            Advice(
                f"oom_score_adj of {{}} to {needs.adj}",
                None,
                f"From {needs.adj} on it is spared, and {words}.",
                (victim.process.name, *names),
                True,
                caution,
            )
        )
    return found


def _own_limit(evidence: Evidence) -> Advice | None:
    cause = evidence.cause
    if cause.case not in (Case.ONE_PROCESS, Case.PROTECTED) or cause.holder is None:
        return None
    return Advice(
        "memory.max of {}",
        None,
        "In a memory group with a limit of its own it hits that limit alone, and the rest goes on.",
        (cause.holder.name,),
        False,
        "Set it above its peak in health: record that first. memory.high slows it down before, and can stall it.",
    )


def _limit(evidence: Evidence) -> Advice | None:
    group = evidence.report.memcg
    if evidence.cause.case != Case.GROUP or group is None or group.limit_kb is None:
        return None
    here = f"The limit was {group.limit_kb:,} kB. A higher one lets the group live on, at the cost of all others."
    caution = "It helps only if the group's peak in health is near it; a leak takes the new limit, too."
    return Advice("memory.max of {}", b"%d kB" % group.limit_kb, here, (group.path or b"?",), False, caution)


def _group(evidence: Evidence) -> Advice | None:
    if evidence.cause.case != Case.GROUP:
        return None
    others = sum(entry.rank is not None for entry in evidence.choice.ranking) - len(evidence.report.victims)
    here = "With oom.group all of the group die together, instead of one that the others may need."
    if evidence.report.group_kill is not None:
        here = "It is set: all of the group died together."
    elif others > 0:
        here += f" Here {others} more would have died."
    return Advice("memory.oom.group", None, here, (), False, "Only where all of it is started again as one service.")


def _fragments(evidence: Evidence) -> Advice | None:
    if evidence.cause.case not in (Case.FRAGMENTED, Case.CMA, Case.LOWMEM):
        return None
    return Advice(
        "vm.min_free_kbytes, vm.watermark_scale_factor",
        evidence.settings.get("vm.min_free_kbytes"),
        "Higher, they have the kernel reclaim and compact earlier, so that rows of pages are there when needed.",
        (),
        False,
        "What is kept free is lost to programs: on a small machine too much of it brings the OOM killer sooner.",
    )


def _boost(evidence: Evidence) -> Advice | None:
    zones = [zone for zone in evidence.cause.zones if zone.allowed and zone.boost_kb and zone.min_kb is not None]
    if not zones or evidence.cause.case == Case.GROUP:
        return None
    zone = max(zones, key=lambda one: one.boost_kb)
    least = (zone.min_kb or 0) - zone.boost_kb
    here = f"Of the minimum of {zone.min_kb:,} kB {zone.boost_kb:,} kB were a passing boost;"
    here += f" {zone.usable_kb:,} kB were free."
    if zone.usable_kb > least:
        here += " With 0 this request would have been served, and the kill come later."
    return Advice(
        "vm.watermark_boost_factor",
        evidence.settings.get("vm.watermark_boost_factor"),
        here,
        (),
        False,
        "Without the boost memory breaks into pieces sooner: large requests of drivers fail earlier.",
    )


def _swap(evidence: Evidence) -> Advice | None:
    where = evidence.cause.memory
    if where is None or where.swap_total_kb or where.share(where.parts[Part.ANON]) < HALF:
        return None
    outcome = what_if(evidence.report, evidence.choice, Change(swap_kb=where.usable_kb // 4))
    words, names = _first(outcome)
    here = "There was no swap: what processes hold could not leave RAM. zram packs it to a half or a third."
    if words:
        here += f" With a quarter of RAM as swap and the same sizes {words}."
    return Advice(
        "zram swap, vm.swappiness",
        evidence.settings.get("vm.swappiness"),
        here,
        names,
        False,
        "It costs CPU, and delays a leak's end by the time that it takes to fill the swap, no more.",
    )


def _overcommit(evidence: Evidence) -> Advice | None:
    answer = evidence.overcommit
    if evidence.cause.case == Case.GROUP:
        return None
    setting = "vm.overcommit_memory=2"
    caution = "Allocations then fail in vital processes, too, also while memory is free; few programs bear that."
    current = evidence.settings.get("vm.overcommit_memory")
    if evidence.cause.case == Case.REFUSED:
        here = (
            "It is at work here: a program was refused. A higher vm.overcommit_ratio (or _kbytes) allows more promises."
        )
        return Advice("vm.overcommit_memory, vm.overcommit_ratio", current, here, (), False, caution)
    if answer is None:
        here = "Whether it would have refused, and when, takes a recording of Committed_AS; this is none."
        return Advice(setting, current, here, (), False, caution)
    if answer.refuses and answer.most is not None:
        here = f"It would have refused: up to {answer.most.committed_kb:,} kB were promised,"
        here += f" {answer.allowed_kb:,} kB allowed."
    else:
        here = "It would have refused nothing in this recording, so it would not have helped."
    return Advice(setting, current, here, (), True, caution)


def _allocating(evidence: Evidence) -> Advice | None:
    if evidence.cause.case in (Case.GROUP, Case.REFUSED, Case.BY_HAND, Case.USER_SPACE):
        return None
    current = evidence.settings.get("vm.oom_kill_allocating_task")
    caution = "Whoever asks next dies, which may be anybody: it says nothing about who holds the memory."
    if evidence.report.allocating_task:
        model = evidence.choice.model
        here = f"With 0 the kernel takes {{}} (pid {model.pid})." if model else "It is 1 here."
        name = (model.process.name,) if model else ()
        return Advice("vm.oom_kill_allocating_task=0", b"1", here, name, model is not None, caution)
    words, names = _first(what_if(evidence.report, evidence.choice, Change(kill_allocating_task=True)))
    if not words:
        return None
    return Advice("vm.oom_kill_allocating_task=1", current, f"With it {words}.", names, True, caution)


def _panic(evidence: Evidence) -> Advice | None:
    if evidence.cause.case in (Case.GROUP, Case.REFUSED, Case.USER_SPACE):
        return None
    current = evidence.settings.get("vm.panic_on_oom")
    if evidence.report.panic is not None and not evidence.report.no_killable:
        here = "It is set: the kernel did not look for somebody to kill."
    else:
        here = "With 1 the machine stops here, and starts again where kernel.panic is not 0."
    caution = (
        "Everything dies for one program's sake; but the state after is known. Keep the log: ramoops, or the ring."
    )
    return Advice("vm.panic_on_oom", current, here, (), False, caution)


def _dump(evidence: Evidence) -> Advice | None:
    report = evidence.report
    if report.tasks is not None or not report.counts or report.memcg is not None:
        return None
    here = "The report has no task table; with 1 the next one says who held what."
    return Advice("vm.oom_dump_tasks=1", evidence.settings.get("vm.oom_dump_tasks"), here, (), False, "A longer log.")
