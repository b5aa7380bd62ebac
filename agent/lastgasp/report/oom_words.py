"""The answer to an OOM report in a few sentences: who asked for what, why not, who was killed, who is to blame.

Sentences hold foreign names, made visible already by the function that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from lastgasp.analysis.oom_cause import Case, Holder, OomCause
from lastgasp.analysis.oom_memory import MOST_ORDER, Memory, Part, may_use_cma
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Killer, Report, Victim
from lastgasp.report import units

Text = Callable[[bytes], str]
ONE_INSTANT = "Whether it grows is not in one report, which is an instant: a recording tells."
# The first function of the call trace that says it, and what it says.
PURPOSES = (
    ((b"shmem_fault", b"shmem_get_folio", b"shmem_getpage", b"shmem_write"), "for a file in tmpfs or shared memory"),
    ((b"filemap_fault", b"__filemap_get_folio", b"page_cache_ra"), "to read a page of a file (perhaps its program)"),
    ((b"copy_process", b"dup_task_struct", b"dup_mm", b"kernel_clone", b"do_fork"), "to start a process or a thread"),
    ((b"new_slab", b"kmem_cache_alloc", b"__kmalloc", b"kmalloc_large"), "for the kernel's own use on its behalf"),
    ((b"__alloc_skb", b"sk_page_frag_refill", b"alloc_skb"), "for the network"),
    ((b"vmalloc", b"__vmalloc_node", b"module_alloc"), "for the kernel's own use (vmalloc)"),
    (
        (b"do_anonymous_page", b"handle_mm_fault", b"do_page_fault", b"exc_page_fault", b"page_fault"),
        "for its own memory",
    ),
)
SHORT = {
    Case.ONE_PROCESS: "one process holds most",
    Case.GROUP: "group at its limit",
    Case.LOWMEM: "low zones used up",
    Case.PROTECTED: "shielded process holds it",
    Case.MANY_PROCESSES: "many processes together",
    Case.SHMEM: "tmpfs or shared memory full",
    Case.KERNEL: "kernel memory",
    Case.FRAGMENTED: "free, but not in a row",
    Case.CMA: "free, but for CMA only",
    Case.CPUSET: "nodes allowed are full",
    Case.REFUSED: "refused by overcommit",
    Case.BY_HAND: "by hand (sysrq)",
    Case.USER_SPACE: "killer in user space",
    Case.FILE: "file cache stays",
    Case.UNKNOWN: "not told",
}


def kb(value: int | None) -> str:
    """A size that the kernel gives in kB."""
    return units.UNKNOWN if value is None else units.size(value * 1024)


def answer(report: Report, choice: Choice, cause: OomCause, text: Text) -> list[str]:
    """The sentences; the first holds the whole story, the others say how sure it is and what is behind it."""
    if cause.case == Case.REFUSED:
        return _refused(report, text)
    if cause.case == Case.USER_SPACE:
        return _user_space(report, text)
    first = f"{_asked(report, text)}{_why_not(report, cause, text)}; {_ended(report, choice, cause, text)}."
    return [first[0].upper() + first[1:] if report.invoker is None else first, *_blame(report, choice, cause, text)]


def who(name: bytes, pid: int | None, text: Text) -> str:
    """A process, as it is called everywhere."""
    return text(name) if pid is None else f"{text(name)} (pid {pid})"


def invoker_pid(report: Report, choice: Choice | None = None) -> int | None:
    """Whose pid the CPU line tells, or the only process of that name in the table."""
    if report.invoker_pid is not None or choice is None:
        return report.invoker_pid
    named = [entry.pid for entry in choice.ranking if entry.process.name == report.invoker]
    return named[0] if len(named) == 1 else None


def request(report: Report) -> str:
    """What was asked for: one page, 4 pages in a row."""
    if report.order is None:
        return "memory"
    if report.order < 0:
        return "a kill"
    size = report.page_kb or 4
    if report.order == 0:
        return "one page"
    if report.order > MOST_ORDER:
        return f"2^{report.order} pages (no kernel grants that: the line is damaged)"
    return f"{1 << report.order} pages in a row ({kb(size << report.order)})"


def purpose(report: Report) -> str:
    """What for, by the call trace; empty where it doesn't tell."""
    for functions, words in PURPOSES:
        if any(function.startswith(functions) for function in report.call_trace):
            return words
    return ""


def _asked(report: Report, text: Text) -> str:
    if report.sysrq or (report.order is not None and report.order < 0):
        return "Somebody asked for a kill by hand (sysrq-f)"
    if report.invoker is None:
        return "memory ran out"
    asked = f"{who(report.invoker, report.invoker_pid, text)} asked for {request(report)}"
    for_what = purpose(report)
    return f"{asked} {for_what}" if for_what else asked


def _why_not(report: Report, cause: OomCause, text: Text) -> str:
    case = cause.case
    if case == Case.BY_HAND:
        return ", while memory was not short" if cause.zones and not any(zone.short for zone in cause.zones) else ""
    if case == Case.GROUP:
        group = report.memcg
        path = text(group.path) if group and group.path is not None else "unknown"
        limit = f" of {kb(group.limit_kb)}" if group and group.limit_kb is not None else ""
        return f", but its memory group {path} was at its limit{limit}"
    if case == Case.CPUSET:
        nodes = text(report.mems_allowed) if report.mems_allowed else ""
        return (
            f", but it may only use the memory of node {nodes}, which was full"
            if nodes
            else ", but its nodes were full"
        )
    allowed = [zone for zone in cause.zones if zone.allowed]
    if not allowed:
        return ", and memory was short" if report.invoker is not None else ""
    zone = max(allowed, key=lambda one: one.free_kb)
    name = text(zone.name)
    if case == Case.FRAGMENTED:
        return f", but the {kb(zone.usable_kb)} free in zone {name} were in pieces, none of that size"
    free, least = _pair(zone.usable_kb, zone.min_kb)
    if case == Case.LOWMEM:
        return (
            f", which must come from the low zones, and these were used up ({name}: {free} free, minimum"
            f" {least}), while {kb(cause.elsewhere_kb)} were free in zones that it may not use"
        )
    if may_use_cma(report) is False and zone.free_cma_kb > zone.usable_kb:
        return (
            f", but of {kb(zone.free_kb)} free {kb(zone.free_cma_kb)} are for CMA, and the other {kb(zone.usable_kb)}"
            f" are below the minimum of {kb(zone.min_kb)}"
        )
    if zone.usable_kb > 4 * (zone.low_kb or zone.min_kb or zone.usable_kb):
        return f", while {free} were free, far above the minimum of {least}"
    return f", but only {free} were free, {'below' if zone.short else 'near'} the minimum of {least} that is kept"


def _pair(one: int, other: int | None) -> tuple[str, str]:
    """Two sizes to compare: in kB where they would look alike."""
    if other is not None and one != other and kb(one) == kb(other):
        return f"{one:,} kB", f"{other:,} kB"
    return kb(one), kb(other)


def _ended(report: Report, choice: Choice, cause: OomCause, text: Text) -> str:
    if report.panic is not None:
        if report.no_killable:
            return "nobody was left that may be killed, and the kernel panicked"
        return "the kernel was told not to kill but to panic (vm.panic_on_oom), and did"
    victim = choice.victim
    if victim is None:
        if report.exiting is not None:
            chosen = who(report.exiting.name, report.exiting.pid, text)
            return f"the kernel chose {chosen}, which was dying already, so nobody was killed"
        return "nobody could be killed" if report.no_killable else "what the kernel did then is not in the log"
    words = f"the kernel killed {who(victim.name, victim.pid, text)}"
    held = victim_kb(victim)
    if held is not None:
        words += f", which held {kb(held)}"
    if report.allocating_task:
        words += ", because it was the one that asked (vm.oom_kill_allocating_task)"
    if victim.sacrificed_for is not None and victim.sacrificed_for != victim.pid:
        words += f", a child of the one it chose (pid {victim.sacrificed_for})"
    if len(report.victims) > 1 and report.group_kill is not None:
        rest = len(report.victims) - 1
        words += f", and with it {units.count(rest, 'other process', 'other processes')} of its group (oom.group)"
    return words


def victim_kb(victim: Victim) -> int | None:
    """RSS at the kill."""
    sizes = [size for size in (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb) if size is not None]
    return sum(sizes) if sizes else victim.rss_kb


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


def short_case(cause: OomCause) -> str:
    """The case in a few words, for a table."""
    return SHORT[cause.case]
