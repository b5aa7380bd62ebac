"""What to do next about an OOM report: the most useful first, and no tuning where it cures nothing."""

from __future__ import annotations

from lastgasp.analysis.growth import Life
from lastgasp.analysis.oom.before import Before, Finding
from lastgasp.analysis.oom.cause import Case, OomCause, inner
from lastgasp.analysis.oom.memory import Part
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.oom.before import speed
from lastgasp.report.oom.words import Text, who
from lastgasp.report.places import main_place, mapping_name

MORE_BYTES = 64 << 20
SHORT_MS = 60_000
RECORD = "Record the next one, the minutes before it included: lastgasp-agent run; then lastgasp report"
CACHES = {
    b"filp": "open files: look for a program that opens files or sockets and never closes them (ls /proc/PID/fd)",
    b"eventpoll_epi": "epoll: look for a program that adds watches and never removes them",
    b"dentry": "names of files: look for a program that makes up new file names all the time",
    b"sock_inode_cache": "sockets: look for a program that opens sockets and never closes them",
    b"task_struct": "tasks: look for threads or processes that never end",
    b"skbuff_head_cache": "network packets: look for sockets that nobody reads, and at the network driver",
}


def steps(report: Report, choice: Choice, cause: OomCause, text: Text, before: Before | None = None) -> list[str]:
    """One paragraph each."""
    case = inner(cause)
    if before is not None:
        case = {Finding.SHARED: Case.SHMEM, Finding.KERNEL: Case.KERNEL}.get(before.finding, case)
    found: list[str] = []
    if cause.case == Case.REFUSED:
        return [
            "See what the program does without memory: a program that does not check for it crashes.",
            "Compare Committed_AS with CommitLimit in /proc/meminfo: overcommit refuses at the limit. Raise"
            " vm.overcommit_ratio (or _kbytes), or reserve less address space (thread stacks, large buffers).",
        ]
    if cause.case == Case.USER_SPACE:
        return ["Look at its own limits and exceptions in its configuration: the kernel's points don't decide here."]
    if cause.case == Case.BY_HAND:
        return ["Find out who did it: /proc/sysrq-trigger, or the SysRq key of a (serial) console."]
    if cause.case == Case.FRAGMENTED:
        found.append(
            "Find who needs memory in a row (the call trace): a driver can allocate it once at start, or use vmalloc."
            " A higher vm.min_free_kbytes makes compaction start earlier."
        )
    if cause.case == Case.LOWMEM:
        found.append("More RAM does not help: it would be in zones that the kernel can't use for its own data.")
    if Case.CMA in (cause.case, cause.within):
        found.append(
            "See whether CMA (cma= on the command line) is larger than drivers need: what it holds is lent"
            " only to what can be moved."
        )
    if Case.CUT in (cause.case, cause.within) or cause.case == Case.UNKNOWN:
        found.append(
            "Look for the rest of this report in the whole log (dmesg): a console leaves out what its level hides."
        )
    joined = _recorded(report, before, cause, text) if before is not None else []
    found += joined or _by_case(case, choice, cause, text, before is not None)
    if cause.case == Case.GROUP and not (before is not None and before.blamed):
        found.append(
            "A higher limit (memory.max) helps only if the group's peak in health is near it: record and look."
        )
    if not report.tasks and report.memcg is None and report.tasks is None and report.counts:
        found.append("Set vm.oom_dump_tasks=1, so that the next report says who held what.")
    zone = next((zone for zone in cause.zones if zone.allowed and zone.boost_kb), None)
    if zone is not None and zone.usable_kb > (zone.min_kb or 0) - zone.boost_kb:
        size = units.size(zone.boost_kb * 1024)
        found.append(
            f"Try vm.watermark_boost_factor=0: {size} of the minimum that had to stay free were a passing boost against"
            " fragmentation, which is much on a machine of this size. It buys room once, and cures no leak."
        )
    if report.panic is not None and report.no_killable and choice.ranking:
        found.append("Nobody was left to kill: protect fewer processes with oom_score_adj -1000.")
    return found or [RECORD]


def _recorded(report: Report, before: Before, cause: OomCause, text: Text) -> list[str]:
    """What the recording lets do: empty where it adds nothing to the report."""
    life = before.program
    if before.finding in (Finding.TOO_SHORT, Finding.UNKNOWN) and before.recorded_ms < SHORT_MS:
        return ["Start the agent with the system: then the next report has the minutes before it."]
    if life is None:
        return []
    name = text(life.name)
    if before.finding in (Finding.LEAKS, Finding.MAY_LEAK):
        sure = before.finding == Finding.LEAKS
        found = [_mend(life, f"Mend the leak in {name}" if sure else f"If {name} leaks, that is to be mended", text)]
        if before.finding == Finding.MAY_LEAK:
            return [f"Record {name} for longer: a longer curve tells a leak from growth that stops.", *found]
        more, words = MORE_BYTES, f"{units.size(MORE_BYTES)} more of RAM or swap delay"
        if cause.case == Case.GROUP:
            limit_kb = report.memcg.limit_kb if report.memcg is not None else None
            more, words = (limit_kb or 0) * 1024 or more, "a limit twice as high delays"
            if not limit_kb:
                words = f"a limit {units.size(more)} higher delays"
        delay = units.duration(more / before.per_s * 1000) if before.per_s > 0 else units.UNKNOWN
        found.append(f"Tuning does not cure it: {words} the next kill by {delay}, at {speed(before)}.")
        if inner(cause) == Case.PROTECTED:
            found.append(
                f"If {name} must live until it is mended, give it a limit of its own and start it again in time: its"
                " oom_score_adj only has others die for it."
            )
        return found
    size = units.size(life.to_bytes)
    if before.finding == Finding.STEADY:
        return [
            f"There is no leak to look for: make {name} smaller (it needs {size} all the time), start less beside it,"
            " or add memory. zram swap gives room where memory is seldom touched."
        ]
    if before.finding == Finding.SAWTOOTH:
        return [
            f"Look at what {name} does at its peaks ({units.size(life.peak_bytes)}): smaller pieces of work need less."
        ]
    if before.finding == Finding.FILLED:
        return [f"Give what {name} keeps (a cache, a pool) a smaller limit: it takes {size}, and then no more."]
    if before.finding == Finding.STEP:
        return [
            f"Look at what {name} began then: one request, file or message that needs {units.size(life.verdict.grown)}."
        ]
    return []


def _mend(life: Life, mend: str, text: Text) -> str:
    """Where to look for a leak; ``mend``: the words for what to do about it."""
    place = main_place(life)
    if place is None and life.where is not None and life.where.readings == 1 and life.where.places:
        largest = life.where.places[0]
        where = f"{units.size(largest.bytes)} in {mapping_name(largest.name, text)}"
        return f"{mend}. Where it grows is not told: its mappings were read once only ({where})."
    if place is None:
        return f"{mend}: the agent reads its mappings as root, and so tells where it grows."
    if place.name == b"[heap]":
        return (
            f"{mend}: [heap] is what malloc gives; look at what it allocates once per request, packet"
            " or timer and never frees."
        )
    if place.name == b"[anon]":
        return (
            f"{mend}: [anon] is memory without a name: what it maps itself, or malloc gives to threads"
            " or in large pieces."
        )
    where = mapping_name(place.name, text)
    return f"{mend}: look at what {where} keeps in its own data, and at who calls it."


def _by_case(case: Case, choice: Choice, cause: OomCause, text: Text, recorded: bool) -> list[str]:
    holder = cause.holder
    if case == Case.KERNEL:
        found = []
        cache = cause.caches[0].name if cause.caches else None
        if cache is not None and cause.memory and cause.caches[0].kb > 0.1 * cause.memory.usable_kb:
            what = CACHES.get(cache)
            found.append(
                f"Slab cache {text(cache)} holds {what}."
                if what
                else f"Find who fills slab cache {text(cache)}: /proc/slabinfo over time."
            )
        elif cause.memory and cause.memory.parts[Part.REMAINDER] > cause.memory.parts[Part.SLAB_HARD]:
            found.append(
                "Look at drivers: /proc/vmallocinfo, dma-buf (/sys/kernel/debug/dma_buf/bufinfo), GPU, camera."
            )
        return found if recorded and found else [*found, RECORD]
    if case == Case.SHMEM:
        return [
            "Look for what fills tmpfs: df -h -t tmpfs; du -ax /tmp /run /dev/shm | sort -n; ipcs -m.",
            "Give each tmpfs a limit (mount -o size=8M): then the writer gets ENOSPC, and no stranger is killed.",
        ]
    if case == Case.PROTECTED and holder is not None:
        name = text(holder.name)
        return [
            f"Find out whether {name} leaks: record it. Protection does not cure a leak, it has others die for it.",
            f"If {name} must live, its memory needs a limit of its own, below which it is restarted in time.",
        ]
    if case == Case.ONE_PROCESS and holder is not None:
        name = who(holder.name, holder.pids[0] if len(holder.pids) == 1 else None, text)
        killed = choice.victim is not None and choice.victim.pid in holder.pids
        found = [f"Record {text(holder.name)}: a curve tells a leak from a program that is simply this large."]
        if not killed and choice.victim is not None:
            found.append(
                f"To have {text(holder.name)} killed instead of {text(choice.victim.name)}: lastgasp what-if shows"
                " which oom_score_adj does it."
            )
        elif killed:
            more = "higher limit" if cause.case == Case.GROUP else "more RAM"
            found.append(f"If {name} leaks, no oom_score_adj and no {more} cures it: both only delay the next kill.")
        return found
    if case == Case.MANY_PROCESSES:
        held = units.size(cause.processes_kb * 1024) if cause.processes_kb is not None else "all"
        return [
            f"Sum up what has to run at the same time: here {held}. Start less, or make the largest ones smaller.",
            "zram swap gives room where memory is seldom touched: lastgasp what-if FILE --swap 32M",
        ]
    return [RECORD]
