"""The answer to an OOM report in a few sentences: who asked for what, why not, who was killed, who is to blame.

Sentences hold foreign names, made visible already by the function that is passed in.
"""

from __future__ import annotations

from lastgasp.analysis.growth import Life
from lastgasp.analysis.oom.before import Before, Finding
from lastgasp.analysis.oom.cause import NOTABLE, Case, OomCause, inner
from lastgasp.analysis.oom.culprit import By, Culprit, culprit
from lastgasp.analysis.oom.holders import Holder
from lastgasp.analysis.oom.memory import Memory, Part
from lastgasp.analysis.oom.series import Series, TableGrowth
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Killer, Report
from lastgasp.report import units
from lastgasp.report.oom.before import clause, history
from lastgasp.report.oom.headline import filled
from lastgasp.report.oom.series import between_reports, refusals
from lastgasp.report.oom.words import ONE_INSTANT, Text, asked, ended, kb, who, why_not

MEANING = (
    "Memory need not have been short: in mode 2 the kernel counts what it has promised to all programs (Committed_AS),"
    " not what they use, and refuses at CommitLimit, which is swap and by default half of RAM. What is not written to"
    " stays free and cannot be promised."
)


def answer(
    report: Report,
    choice: Choice,
    cause: OomCause,
    text: Text,
    before: Before | None = None,
    grown: TableGrowth | None = None,
) -> list[str]:
    """The sentences; the first holds the whole story, the others say how sure it is and what is behind it.

    Where nobody is to blame beyond doubt, but somebody took most of the memory, that comes before all.
    """
    if cause.case == Case.REFUSED:
        return _refused(report, text)
    if cause.case == Case.USER_SPACE:
        return _user_space(report, text)
    killed = choice.victim.pid if choice.victim else None
    to_blame = clause(before, killed, text) if before is not None else ""
    first = f"{asked(report, text)}{why_not(report, cause, text)}; {ended(report, choice, text)}{to_blame}."
    first = first[0].upper() + first[1:] if report.invoker is None else first
    named = culprit(cause, choice, before)
    if before is not None and before.blamed:
        if before.program is not None:
            return [first, history(before, killed, text), *_besides(choice, cause, before.program, text)]
        return [first, history(before, killed, text), *_blame(report, choice, cause, text, "", named)]
    said = [first, *_blame(report, choice, cause, text, _told(before, grown, killed, text), named)]
    story = filled(report, choice, cause, named, text) if named is not None and named.by is By.TAKEN else None
    return [story, *said] if story is not None else said


def _told(before: Before | None, grown: TableGrowth | None, killed: int | None, text: Text) -> str:
    """Whether it grows, by whatever tells more than the report itself."""
    recorded = before is not None and before.finding not in (Finding.UNKNOWN, Finding.TOO_SHORT)
    said = []
    if grown is not None and not recorded:
        words = between_reports(grown)
        said.append(words[0].upper() + words[1:])
    if before is not None:
        said.append(history(before, killed, text))
    return " ".join(said) or ONE_INSTANT


def _besides(choice: Choice, cause: OomCause, life: Life, text: Text) -> list[str]:
    """Who held most where that is not who is to blame, or why it was not taken."""
    holder = cause.holder
    if holder is None or life.pid in holder.pids:
        if inner(cause) == Case.PROTECTED and holder is not None:
            return [_shield(choice, holder)]
        return []
    name = _named(holder, text)
    return [f"{name} held most at that moment, {kb(holder.kb)}; but it is not who grew."]


def _blame(report: Report, choice: Choice, cause: OomCause, text: Text, told: str, named: Culprit | None) -> list[str]:
    case = inner(cause)
    found: list[str] = []
    more = f" {told}" if told and told != ONE_INSTANT else ""
    if cause.case == Case.FRAGMENTED:
        found.append("Nobody is to blame for holding too much: memory is cut into pieces that are too small.")
        case = cause.within or case
        if case == Case.KERNEL:
            return found
    holder = cause.holder
    if case == Case.KERNEL:
        found.append(f"{_kernel(cause, text)}{more}")
        words = "No process is to blame by its size."
        if holder is not None and cause.memory and holder.kb > NOTABLE * cause.memory.usable_kb:
            words = f"Among processes only {_named(holder, text)} is large, with {kb(holder.kb)}: less than the kernel."
        found.append(f"{words} Killing one helps only if the kernel holds this memory for it.")
        if report.invoker is not None and b"new_slab" in report.call_trace and choice.model is not None:
            found.append(f"{text(report.invoker)} was asking for more of the kind: a suspect, no more.")
    elif case == Case.SHMEM:
        found.append(f"{_shmem(report, cause, text)}{more}")
    elif case == Case.FILE and cause.memory:
        size = cause.memory.parts[Part.FILE]
        found.append(f"File cache of {kb(size)} could not be dropped: it is locked, dirty, or needed all the time.")
    elif case == Case.PROTECTED and holder is not None:
        found.append(_protected(choice, cause, holder, text, told, _another(named, holder)))
    elif case == Case.ONE_PROCESS and holder is not None:
        found.append(_largest(choice, cause, holder, text, told, _another(named, holder)))
    elif case == Case.MANY_PROCESSES:
        found.append(_many(cause, text, told, named is not None))
    elif cause.case == Case.CMA:
        found.append("CMA pages are lent only to what can be moved away: not to the kernel's own data.")
    elif case == Case.CUT:
        whole = f" of {kb(cause.memory.parts[Part.ANON])}" if cause.memory and cause.case != Case.GROUP else ""
        found.append(
            f"Who held most is not told: the log ends in the task table, and those listed held"
            f" {kb(cause.processes_kb or 0)}{whole}."
        )
    elif case == Case.UNKNOWN:
        found.append(
            "The report does not tell where the memory was: only its kill line, or a part of it, is in the log."
        )
    victim = choice.victim
    if victim is not None and victim.sacrificed_for not in (None, victim.pid) and holder is not None:
        freed = cause.victim_kb or 0
        if victim.sacrificed_for in holder.pids and freed < holder.kb / 10:
            found.append(f"The child's death freed {kb(freed)} only, so the next kill is near.")
    return found


def _share(cause: OomCause, holder: Holder) -> str:
    """How much of the whole it held."""
    whose = "the processes of the group" if cause.case == Case.GROUP else "all processes"
    return f"{kb(holder.kb)}, {units.percent(holder.share)} of what {whose} held"


def _another(named: Culprit | None, holder: Holder) -> bool:
    """Whether somebody else is to be looked at, and not who held most among processes."""
    return named is not None and named.name != holder.name


def _largest(choice: Choice, cause: OomCause, holder: Holder, text: Text, told: str, another: bool) -> str:
    name = _named(holder, text)
    share = _share(cause, holder)
    if another:
        return f"Among processes {name} held most: {share}. {told}"
    if len(holder.pids) > 1:
        several = units.count(len(holder.pids), "process", "processes")
        of_them = ", the victim among them," if choice.victim is not None and choice.victim.pid in holder.pids else ""
        return f"{several} named {text(holder.name)}{of_them} together held most: {share}. {told}"
    if choice.victim is not None and choice.victim.pid in holder.pids:
        return f"{text(holder.name)} is also who held most: {share}. {told}"
    if choice.victim is None:
        return f"{name} held most: {share}. {told}"
    return f"Look at {name} rather than at the victim: it held {share}. {told}"


def _named(holder: Holder, text: Text) -> str:
    return who(holder.name, holder.pids[0] if len(holder.pids) == 1 else None, text)


def _protected(choice: Choice, cause: OomCause, holder: Holder, text: Text, told: str, another: bool) -> str:
    name = _named(holder, text)
    if another:
        return f"Among processes {name} held most: {_share(cause, holder)}. {_shield(choice, holder)} {told}"
    return f"The one to look at is {name}: it held {_share(cause, holder)}. {_shield(choice, holder)} {told}"


def _shield(choice: Choice, holder: Holder) -> str:
    adj = min(entry.process.usage.adj for entry in choice.ranking if entry.pid in holder.pids)
    how = "may not be killed at all" if holder.protected else "is shielded"
    dies = ", so others die in its place, one after another" if choice.victim is not None else ""
    return f"It {how} by its oom_score_adj of {adj}{dies}."


def _many(cause: OomCause, text: Text, told: str, named: bool) -> str:
    holder = cause.holder
    more = f" {told}" if told and told != ONE_INSTANT else ""
    if holder is None:
        return "Processes held most of the memory; which of them is not told, as the report has no task table."
    if len(holder.pids) > 1 and holder.share > 0.3:
        return (
            f"{len(holder.pids)} processes called {text(holder.name)} together held {kb(holder.kb)},"
            f" {units.percent(holder.share)} of what all processes held. {told}"
        )
    together = (
        f"{units.count(cause.processes, 'process', 'processes')} together held"
        f" {kb(cause.processes_kb)}, the largest ({text(holder.name)}) {units.percent(holder.share)} of it.{more}"
    )
    return together if named else f"No single process is to blame: {together}"


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


def _shmem(report: Report, cause: OomCause, text: Text) -> str:
    where: Memory | None = cause.memory
    size = where.parts[Part.SHMEM] if where else None
    words = "Files in tmpfs and shared memory"
    if size is not None and where is not None:
        words += f" held {kb(size)}, {units.percent(where.share(size))} of the usable RAM"
    else:
        words += " held most of it"
    words += ": more than all processes. No kill frees a file in tmpfs."
    mapped = [task for task in report.tasks or () if task.rss_shmem]
    most = max(mapped, key=lambda task: task.rss_shmem or 0, default=None)
    page_kb = where.page_kb if where else 4
    if most is not None and size and (most.rss_shmem or 0) * page_kb > size / 2:
        held = kb((most.rss_shmem or 0) * page_kb)
        return f"{words} {who(most.name, most.pid, text)} has {held} of shared memory mapped: look there first."
    if where is not None and size and b"mapped" in report.counts:
        unmapped = size - report.counts[b"mapped"] * page_kb
        if unmapped > size / 2:
            words += f" At least {kb(unmapped)} of it no process has mapped: most likely these are files."
    return f"{words} Who wrote them is not in the report."


def _refused(report: Report, text: Text) -> list[str]:
    refusal = report.refusal
    assert refusal is not None
    wanted = "memory (how much, kernels before 6.7 don't say)"
    if refusal.wanted_bytes is not None:
        wanted = units.size(refusal.wanted_bytes)
    return [
        f"{who(refusal.name, refusal.pid, text)} asked for {wanted} and was refused: by the rules of overcommit"
        " (vm.overcommit_memory) too much is promised already. Nobody was killed; the program got ENOMEM.",
        MEANING,
    ]


def refused(found: Series, text: Text) -> list[str]:
    """The answer to several refusals, one after another."""
    said = [
        f"{refusals(found.refusals, text)[:-1]}: by its rules (vm.overcommit_memory) too much was promised already."
        " Nobody was killed; the programs got ENOMEM.",
        MEANING,
    ]
    again = [one for one in found.refusals if len(one.events) > 1]
    if again:
        names = " and ".join(text(one.name) for one in again[:2])
        said.append(
            f"{names} asked again after the first refusal, and so had not ended by it: either smaller requests went"
            " through in between, or it tries until it gives up."
        )
    return said


def _user_space(report: Report, text: Text) -> list[str]:
    killer = {Killer.LMKD: "the low memory killer"}.get(report.killer, str(report.killer))
    victim = report.victims[0] if report.victims else None
    killed = who(victim.name, victim.pid or None, text) if victim else "a process"
    if victim is None and report.group_kill:
        killed = f"the group {text(report.group_kill)}, all of its processes"
    sentence = f"Not the kernel but {killer} killed {killed}"
    if victim is not None and victim.rss_kb is not None:
        sentence += f", which held {kb(victim.rss_kb)}"
    found = [sentence + "."]
    if report.reason is not None:
        found.append(f"Its own words: {text(report.reason)}")
    return found
