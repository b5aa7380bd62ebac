"""The words of an explanation: what was asked for, why it could not be had, how it ended.

Sentences hold foreign names, made visible already by the function that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

from lastgasp.analysis.oom.cause import Case, OomCause
from lastgasp.analysis.oom.memory import MOST_ORDER, may_use_cma
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report, Victim
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
    Case.CUT: "not told: the log is cut",
    Case.UNKNOWN: "not told",
}


def kb(value: int | None) -> str:
    """A size that the kernel gives in kB."""
    return units.UNKNOWN if value is None else units.size(value * 1024)


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


def asked(report: Report, text: Text) -> str:
    """Who asked for what."""
    if report.sysrq or (report.order is not None and report.order < 0):
        return "Somebody asked for a kill by hand (sysrq-f)"
    if report.invoker is None:
        return "memory ran out"
    asked = f"{who(report.invoker, report.invoker_pid, text)} asked for {request(report)}"
    for_what = purpose(report)
    return f"{asked} {for_what}" if for_what else asked


def why_not(report: Report, cause: OomCause, text: Text) -> str:
    """Why it could not be had: goes on with the sentence of ``asked``."""
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
    if case != Case.LOWMEM:
        zone = max(allowed, key=lambda one: (one.managed_kb or 0, one.free_kb))  # the others are kept for those below
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


def ended(report: Report, choice: Choice, text: Text) -> str:
    """Who was killed, or what happened instead."""
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
    parent = victim.sacrificed_for if victim.sacrificed_for != victim.pid else None
    if parent is not None:
        names = [entry.process.name for entry in choice.ranking if entry.pid == parent]
        chosen = who(names[0], parent, text) if names else f"pid {parent}"
        words = f"the kernel chose {chosen} and, as kernels before 5.1 do, killed a child of it in its place:"
        words += f" {who(victim.name, victim.pid, text)}"
    held = victim_kb(victim)
    if held is not None:
        words += f", which held {kb(held)}"
    if report.allocating_task:
        words += ", because it was the one that asked (vm.oom_kill_allocating_task)"
    if len(report.victims) > 1 and report.group_kill is not None:
        rest = len(report.victims) - 1
        words += f", and with it {units.count(rest, 'other process', 'other processes')} of its group (oom.group)"
    return words


def victim_kb(victim: Victim) -> int | None:
    """RSS at the kill."""
    sizes = [size for size in (victim.anon_rss_kb, victim.file_rss_kb, victim.shmem_rss_kb) if size is not None]
    return sum(sizes) if sizes else victim.rss_kb


def short_case(cause: OomCause) -> str:
    """The case in a few words, for a table."""
    return SHORT[cause.case]
