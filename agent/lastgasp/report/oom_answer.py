"""The answer to an OOM report in a few sentences: who asked for what, why not, who was killed, who is to blame.

Sentences hold foreign names, made visible already by the function that is passed in.
"""

from __future__ import annotations

from lastgasp.analysis.oom_cause import Case, Holder, OomCause
from lastgasp.analysis.oom_memory import Memory, Part
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Killer, Report
from lastgasp.report import units
from lastgasp.report.oom_words import ONE_INSTANT, Text, asked, ended, kb, who, why_not


def answer(report: Report, choice: Choice, cause: OomCause, text: Text) -> list[str]:
    """The sentences; the first holds the whole story, the others say how sure it is and what is behind it."""
    if cause.case == Case.REFUSED:
        return _refused(report, text)
    if cause.case == Case.USER_SPACE:
        return _user_space(report, text)
    first = f"{asked(report, text)}{why_not(report, cause, text)}; {ended(report, choice, text)}."
    return [first[0].upper() + first[1:] if report.invoker is None else first, *_blame(report, choice, cause, text)]


def _blame(report: Report, choice: Choice, cause: OomCause, text: Text) -> list[str]:
    case = cause.within if cause.case in (Case.GROUP, Case.LOWMEM, Case.CPUSET) and cause.within else cause.case
    found: list[str] = []
    if cause.case == Case.FRAGMENTED:
        found.append("Nobody is to blame for holding too much: memory is cut into pieces that are too small.")
        case = cause.within or case
        if case == Case.KERNEL:
            return found
    holder = cause.holder
    if case == Case.KERNEL:
        found.append(_kernel(cause, text))
        found.append(
            "No process is to blame by its size. Killing one helps only if the kernel holds this memory for it."
        )
        if report.invoker is not None and b"new_slab" in report.call_trace and choice.model is not None:
            found.append(f"{text(report.invoker)} was asking for more of the kind: a suspect, no more.")
    elif case == Case.SHMEM:
        found.append(_shmem(report, cause))
    elif case == Case.FILE and cause.memory:
        size = cause.memory.parts[Part.FILE]
        found.append(f"File cache of {kb(size)} could not be dropped: it is locked, dirty, or needed all the time.")
    elif case == Case.PROTECTED and holder is not None:
        found.append(_protected(choice, cause, holder, text))
    elif case == Case.ONE_PROCESS and holder is not None:
        found.append(_largest(choice, cause, holder, text))
    elif case == Case.MANY_PROCESSES:
        found.append(_many(cause, text))
    elif cause.case == Case.CMA:
        found.append("CMA pages are lent only to what can be moved away: not to the kernel's own data.")
    elif cause.case == Case.UNKNOWN:
        found.append(
            "The report does not tell where the memory was: only its kill line, or a part of it, is in the log."
        )
    return found


def _largest(choice: Choice, cause: OomCause, holder: Holder, text: Text) -> str:
    name = who(holder.name, holder.pids[0] if len(holder.pids) == 1 else None, text)
    share = f"{units.percent(holder.share)} of what all processes held"
    if choice.victim is not None and choice.victim.pid in holder.pids:
        return f"{text(holder.name)} is also who held most: {kb(holder.kb)}, {share}. {ONE_INSTANT}"
    if choice.victim is None:
        return f"{name} held most: {kb(holder.kb)}, {share}. {ONE_INSTANT}"
    return f"Look at {name} rather than at the victim: it held {kb(holder.kb)}, {share}. {ONE_INSTANT}"


def _protected(choice: Choice, cause: OomCause, holder: Holder, text: Text) -> str:
    adj = min(entry.process.usage.adj for entry in choice.ranking if entry.pid in holder.pids)
    name = who(holder.name, holder.pids[0] if len(holder.pids) == 1 else None, text)
    how = "may not be killed at all" if holder.protected else "is shielded"
    dies = ", so others die in its place, one after another" if choice.victim is not None else ""
    return (
        f"The one to look at is {name}: it held {kb(holder.kb)}, {units.percent(holder.share)} of what all processes"
        f" held, and {how} by its oom_score_adj of {adj}{dies}. {ONE_INSTANT}"
    )


def _many(cause: OomCause, text: Text) -> str:
    holder = cause.holder
    if holder is None:
        return "Processes held most of the memory; which of them is not told, as the report has no task table."
    if len(holder.pids) > 1 and holder.share > 0.3:
        return (
            f"{len(holder.pids)} processes called {text(holder.name)} together held {kb(holder.kb)},"
            f" {units.percent(holder.share)} of what all processes held. {ONE_INSTANT}"
        )
    return (
        f"No single process is to blame: {units.count(cause.processes, 'process', 'processes')} together held"
        f" {kb(cause.processes_kb)}, the largest ({text(holder.name)}) {units.percent(holder.share)} of it."
    )


def _kernel(cause: OomCause, text: Text) -> str:
    where = cause.memory
    if where is None:
        return "The kernel itself holds most of the group's memory."
    slab = where.parts[Part.SLAB_HARD] + where.parts[Part.SLAB_SOFT]
    words = (
        f"The kernel itself held {kb(where.kernel_kb)}, {units.percent(where.share(where.kernel_kb))} of the usable RAM"
    )
    if slab >= where.parts[Part.REMAINDER]:
        words += f", {kb(slab)} of it in slab caches"
        if cause.caches:
            words += f", most in {text(cause.caches[0].name)} ({kb(cause.caches[0].kb)})"
    else:
        words += f", {kb(where.parts[Part.REMAINDER])} of it in no counter: vmalloc, drivers, buffers for DMA"
    return words + "."


def _shmem(report: Report, cause: OomCause) -> str:
    where: Memory | None = cause.memory
    size = where.parts[Part.SHMEM] if where else None
    words = "Files in tmpfs and shared memory"
    if size is not None and where is not None:
        words += f" held {kb(size)}, {units.percent(where.share(size))} of the usable RAM"
    else:
        words += " held most of it"
    return f"{words}: more than all processes. No kill frees a file in tmpfs. Who wrote it is not in the report."


def _refused(report: Report, text: Text) -> list[str]:
    refusal = report.refusal
    assert refusal is not None
    size = (
        units.size(refusal.wanted_bytes)
        if refusal.wanted_bytes is not None
        else "memory (how much, kernels before 6.7 don't say)"
    )
    return [
        f"{who(refusal.name, refusal.pid, text)} asked for {size} and was refused: by the rules of overcommit"
        " (vm.overcommit_memory) too much is promised already. Nobody was killed; the program got ENOMEM.",
        "Memory need not have been short: promises count here, not what is in use.",
    ]


def _user_space(report: Report, text: Text) -> list[str]:
    killer = {Killer.LMKD: "the low memory killer"}.get(report.killer, str(report.killer))
    victim = report.victims[0] if report.victims else None
    killed = who(victim.name, victim.pid or None, text) if victim else "a process"
    sentence = f"Not the kernel but {killer} killed {killed}"
    if victim is not None and victim.rss_kb is not None:
        sentence += f", which held {kb(victim.rss_kb)}"
    found = [sentence + "."]
    if report.reason is not None:
        found.append(f"Its own words: {text(report.reason)}")
    return found
