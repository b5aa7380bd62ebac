"""Which of the kernel's settings apply to one OOM report, what each would have changed there, and its caution.

Pure, over the report and what a recording around it knows.
"""

from __future__ import annotations

from lastgasp.analysis.advice.piece import DELAYING, FAILING, HALF, STALLING, VITAL, Advice, Evidence, percent
from lastgasp.analysis.oom.cause import Case, inner
from lastgasp.analysis.oom.memory import Part
from lastgasp.oom.badness import ADJ_MIN
from lastgasp.oom.choice import Cause
from lastgasp.oom.what_if import Caveat, Change, Outcome, Rule, what_if


def advise(evidence: Evidence) -> list[Advice]:
    """The settings that apply, those that matter most here first. None where nobody chose by them."""
    if evidence.cause.case == Case.BY_HAND:
        return []  # memory was not short, and a kill by hand asks no setting
    panicked = evidence.report.panic is not None and not evidence.report.no_killable
    found: list[Advice | None] = [
        _panic(evidence) if panicked else None,
        *_adj(evidence),
        _own_limit(evidence),
        _limit(evidence),
        _group(evidence),
        _fragments(evidence),
        _boost(evidence),
        _swap(evidence),
        _overcommit(evidence),
        _allocating(evidence),
        None if panicked else _panic(evidence),
        _dump(evidence),
    ]
    return [advice for advice in found if advice is not None]


def _first(outcome: Outcome | None) -> tuple[str, tuple[bytes, ...]]:
    if outcome is None or Caveat.TABLE in outcome.caveats:
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
    if inner(cause) == Case.PROTECTED and holder is not None and not evidence.blames_another:
        outcome = what_if(report, choice, Change(tuple(Rule(0, pid=pid) for pid in holder.pids)))
        words, names = _first(outcome)
        found.append(
            Advice(
                "oom_score_adj of {} to 0",
                None,
                f"With 0 instead of its shield, {words}.",
                (holder.name, *names),
                True,
                VITAL,
            )
        )
    asked = choice.cause == Cause.ALLOCATING
    victim = next((entry for entry in choice.ranking if asked and entry.pid == choice.kernel_pid), choice.model)
    needs = choice.needs(victim.pid)
    if evidence.blames(victim.process.name):
        return found  # nobody is told to shield what leaks, or filled the memory
    if choice.victim is None:
        return found  # nobody was chosen: the machine stopped, or was stopped, before
    if needs is not None and needs.adj is not None and (needs.other is not None or choice.group):
        outcome = what_if(report, choice, Change((Rule(needs.adj, pid=victim.pid),)))
        if outcome is not None and outcome.kills and outcome.kills[0].pid == choice.victim.pid:
            return found  # a child was killed in its parent's place, and would have been the first itself
        words, names = _first(outcome)
        caution = "Sparing one shifts the kill to another, and a leak behind it goes on."
        spared = f"At {needs.adj} or lower it is spared, and {words}."
        if needs.adj == ADJ_MIN:
            why = "it is killed for asking, whatever its points" if asked else "it dies with its group else"
            spared = f"With {ADJ_MIN} alone it is spared ({why}), and {words}."
        if holder is not None and victim.pid in holder.pids and inner(cause) not in (Case.KERNEL, Case.SHMEM):
            caution = "It is who held most: sparing it has others die one after another, until nobody is left."
        share = cause.protected_kb / max(choice.total.pages * choice.page_kb, 1)
        if share > HALF:
            caution += " Already half of all memory may not be taken: protecting more starves watchdogs and loggers."
        elif cause.protected_kb:
            caution += (
                f" {cause.protected_kb:,} kB ({percent(share)}) are held already by those that may not be killed."
            )
        found.append(
            Advice(
                f"oom_score_adj of {{}} to {needs.adj}",
                None,
                spared,
                (victim.process.name, *names),
                True,
                caution,
            )
        )
    return found


def _own_limit(evidence: Evidence) -> Advice | None:
    cause = evidence.cause
    if cause.case not in (Case.ONE_PROCESS, Case.PROTECTED) or cause.holder is None or evidence.blames_another:
        return None
    here = "In a memory group with a limit of its own it hits that limit alone, and the rest goes on."
    if any(leak.name == cause.holder.name for leak in evidence.leaks):
        here += " As it leaks it is killed there again and again: that spares the others, and mends nothing."
    return Advice(
        "memory.max of {}",
        None,
        here,
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
    if evidence.cause.case != Case.FRAGMENTED:
        return None  # where memory is short, keeping more of it free has the kernel kill sooner
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
    if zone.usable_kb > least + zone.reserve_kb:
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
    if where is None or evidence.cause.case == Case.GROUP:
        return None
    if where.swap_total_kb:
        return _swappiness(evidence, where.swap_total_kb, where.swap_free_kb)
    if where.share(where.parts[Part.ANON]) < HALF:
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
        DELAYING,
    )


def _swappiness(evidence: Evidence, total_kb: int, free_kb: int | None) -> Advice | None:
    """Where there is swap."""
    current = evidence.settings.get("vm.swappiness")
    if free_kb is None:
        return None
    if free_kb > total_kb // 4:
        here = (
            f"Of {total_kb:,} kB of swap {free_kb:,} were free still. A higher value swaps sooner (zram: up to 200 from"
        )
        here += " Linux 5.8 on, up to 100 before)."
        return Advice("vm.swappiness", current, here, (), False, STALLING)
    here = f"Swap was used up: {free_kb:,} of {total_kb:,} kB were free. No value of it helps then; a larger swap does."
    return Advice(
        "vm.swappiness, more swap", current, here, (), False, "zram takes RAM for what it packs: it has an end."
    )


def _overcommit(evidence: Evidence) -> Advice | None:
    """From a log alone; a recording is held against it as a whole."""
    if evidence.cause.case == Case.GROUP or (evidence.recorded and evidence.cause.case != Case.REFUSED):
        return None
    current = evidence.settings.get("vm.overcommit_memory")
    if evidence.cause.case == Case.REFUSED:
        here = "It is at work here: a program was refused. A higher ratio (or _kbytes) allows more promises; 0 refuses"
        here += " only what is far beyond all memory."
        return Advice("vm.overcommit_memory, vm.overcommit_ratio", current, here, (), False, FAILING)
    here = "Whether it would have refused, and when, takes a recording of Committed_AS; this is none."
    return Advice("vm.overcommit_memory=2", current, here, (), False, FAILING)


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
