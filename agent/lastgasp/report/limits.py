"""The sections on the recording itself: what it lost, what it cost, and what to do next."""

from __future__ import annotations

from lastgasp.analysis.cost import RATE_AFTER_MS
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import Life
from lastgasp.analysis.leading import leading
from lastgasp.analysis.pace import Reason
from lastgasp.report import counts, units, why
from lastgasp.report.package import package
from lastgasp.report.places import main_place, mapping_name
from lastgasp.report.screen import Screen

HOLES_SHOWN = 5
COUNTS = 3  # leaks of open files and the like that get a word of advice
KERNEL_ADVICE = {
    "anonymous memory": "Look for processes that become more and more: each is small, all together are not.",
    "shared memory and tmpfs files": "Look for files that grow in tmpfs (df -h /tmp /run) and shared memory (ipcs -m).",
    "unreclaimable slab": "Look at what the program in charge opens and never closes: files, sockets, watches, timers.",
    "kernel stacks": "Look for threads that are started and never end.",
    "page tables": "Look for address space that is mapped and never unmapped.",
    "per-CPU memory": "Look at what is made for every CPU and never removed: memory groups, network namespaces, BPF.",
    "dma-buf": "Look at who holds buffers of camera, display and codecs: /sys/kernel/debug/dma_buf/bufinfo.",
    "zram that is no swap": "Look for files that grow on the file system in zram (df -h).",
    "socket buffers": "Look for sockets whose data nobody reads (ss -tm, columns Recv-Q and Send-Q).",
    "reclaimable slab that does not give way": "Look for files that are deleted and still open, and for kernel bugs:"
    " these caches are in use (slabtop).",
}
OTHER_ADVICE = "Look at drivers and at what allocates in the kernel."
# What one of them means, and several.
COUNTED = (
    ("missed_ticks", "sample was not taken when it was due", "samples were not taken when they were due"),
    ("write_errors", "write to the ring failed", "writes to the ring failed"),
    (
        "lost_bytes",
        "byte was dropped: the ring refused it too long",
        "bytes were dropped: the ring refused them too long",
    ),
    ("untracked", "process was over the configured number", "processes were over the configured number"),
    ("brief", "process ended before it was written", "processes ended before they were written"),
    ("events_missed", "burst of process events was dropped", "bursts of process events were dropped by the kernel"),
    ("log_missed", "stretch of the kernel log was overwritten", "stretches of the kernel log were overwritten unread"),
)


def unknown(screen: Screen, facts: Facts) -> None:
    """What cannot be said of the leaks, and why."""
    said = [*unknowns(screen, facts), *(counts.UNRECORDED[what] for what in facts.uncounted)]
    if said:
        screen.heading("WHAT IS NOT KNOWN")
    for line in said:
        screen.wrap(line, "  ", "    ")


def unknowns(screen: Screen, facts: Facts) -> list[str]:
    """The same, in sentences."""
    found = []
    for growth in (facts.leaks or facts.suspicions)[:1]:
        life = growth.worst
        name = screen.text(life.name)
        if life.where is None or life.where.grown is None:
            found.append(f"In which mapping {name} grows.")
        if life.follows is not None and not life.follows.enough:
            found.append(f"With what work {name} grows: its memory changed too seldom, or too briefly, to tell.")
        if not life.started and life.since == life.first:
            cut = facts.span.cuts(life.first)
            begin = f"{units.near(life.first, facts.span)}, where judging begins" if cut else "the recording began"
            found.append(f"Since when {name} grows: it did before {begin}.")
    ended = facts.ooms or facts.refusals
    if facts.leaks and not ended and facts.forecasts and all(one.in_ms is None for one in facts.forecasts):
        reason = facts.forecasts[0].reason
        found.append(f"When memory runs out: {reason or Reason.UNKNOWN} at the end of the recording.")
    if any(event.before_recording for event in facts.ooms):
        found.append("What went before the kills that are older than the recording.")
    counted = len([event for event in facts.ooms if event.victim is not None and not event.before_recording])
    if facts.kills_counted is None:
        found.append("Whether there were more kills: this kernel does not count them, or it was not recorded.")
    elif facts.kills_counted > counted:
        missing = facts.kills_counted - counted
        found.append(f"Why {units.count(missing, 'counted kill')} happened: the messages were not recorded.")
    return found


def losses(screen: Screen, facts: Facts) -> None:
    """What the recording does not know."""
    lost = facts.losses
    screen.heading("WHAT IS MISSING")
    said = unknowns(screen, facts)
    for hole in lost.holes[:HOLES_SHOWN]:
        said.append(
            f"{units.near(hole.first, facts.span)} to {units.near(hole.last, facts.span)}: no sample"
            f" can be read, {units.count(hole.blocks, 'block')} missing"
        )
    if len(lost.holes) > HOLES_SHOWN:
        said.append(f"{units.count(len(lost.holes) - HOLES_SHOWN, 'more gap')} like that")
    if lost.damaged_bytes:
        bytes_are = units.count(lost.damaged_bytes, "byte is", "bytes are")
        said.append(f"{bytes_are} damaged, the first at byte {lost.damaged_at[0]:,}")
    if lost.cut_bytes:
        said.append(f"the file ends {lost.cut_bytes:,} bytes before the ring does: the copy is not complete")
    if lost.newer_blocks:
        said.append(f"{units.count(lost.newer_blocks, 'block')} of a newer lastgasp: upgrade to read them")
    if lost.undecodable_records:
        said.append(f"{units.count(lost.undecodable_records, 'record')} could not be decoded")
    if lost.unseen_samples:
        said.append(f"{units.count(lost.unseen_samples, 'sample')} behind missing blocks could not be decoded")
    for field, one, many in COUNTED:
        number = getattr(lost, field)
        if number:
            said.append(units.count(number, one, many))
    if lost.missed_ticks is None:
        said.append("what the agent itself missed is unknown: its own counters are not in this recording")
    for line in said:
        screen.wrap(line, "  ", "    ")
    if not said:
        screen.line("  nothing that the recording knows of")


def cost(screen: Screen, facts: Facts) -> None:
    """What recording cost the device."""
    of = facts.cost
    screen.heading("WHAT RECORDING COST")
    if of.agents:
        cpu = units.UNKNOWN if of.cpu_share is None else f"{units.percent(of.cpu_share)} of one CPU"
        screen.wrap(
            f"agent: {units.size(of.rss_bytes)} resident, {units.size(of.anon_bytes)} of it its own; {cpu}",
            "  ",
            "    ",
        )
    else:
        screen.line("  agent: unknown, its process is not in this recording")
    recorded = units.duration(facts.span.recorded_ms)
    written = f"flash: {units.size(of.written_bytes)} in {units.count(of.writes, 'write')} of a block in {recorded}"
    if of.bytes_per_day is None:
        written += f"; bytes a day: unknown before {units.duration(RATE_AFTER_MS)} are recorded"
    else:
        written += f"; {units.size(of.bytes_per_day)} a day, the ring of {units.size(of.ring_bytes)} lasts"
        written += f" {units.duration((of.history_days or 0) * 86_400_000)}"
    screen.wrap(written, "  ", "    ")


def advice(screen: Screen, facts: Facts) -> None:
    """What to do next."""
    screen.heading("NEXT")
    for line in next_steps(screen, facts):
        screen.wrap(line, "  ", "    ")


def _why_no_place(life: Life, name: str) -> str:
    if life.where is None:
        return f"The mappings of {name} were never read: that takes root, and growth for longer than mapping_interval."
    if life.where.grown is None:
        return f"The mappings of {name} were read only once: record for longer, or set a shorter mapping_interval."
    return f"No single mapping of {name} stands out: --json shows how much each of them grew."


def _by_place(screen: Screen, life: Life, name: str) -> str:
    """What to look at, by the mapping that grows. Memory without a file is the program's, or any library's it loads."""
    place = main_place(life)
    if place is None:
        return _why_no_place(life, name)
    owner = place.owner
    whose = f" ({package(owner, screen.text)}, or a library that it loads)" if owner is not None else ""
    if place.name == b"[heap]":
        return (
            f"[heap] is what malloc gives: look at what {name}{whose} allocates once per request, packet or timer and"
            " never frees."
        )
    if place.name == b"[anon]":
        return (
            f"[anon] is memory without a name: what {name}{whose} maps itself, what malloc gives to"
            " threads or in large pieces, or zeroed data (.bss) of the program or a library."
        )
    said = f"Look at what {mapping_name(place.name, screen.text)} keeps in its own data, and at who calls it"
    if owner is not None:
        return f"{said}: upgrade or fix {package(owner, screen.text)}."
    if place.name.startswith(b"/"):
        return f"{said}; --sysroot or --packages tells which package and version it is."
    return f"{said}."


def _by_kill(screen: Screen, facts: Facts) -> list[str]:
    """Where nobody leaks, but the kernel killed: what to do about who most likely filled the memory."""
    first = leading(facts.explained)
    culprit = first.culprit if first is not None else None
    if culprit is None:
        return why.by_settings(facts, screen.text)
    advice = KERNEL_ADVICE.get(culprit.name.decode("utf-8", "replace"), OTHER_ADVICE)
    if culprit.program:
        name = screen.text(culprit.name)
        advice = f"Find out what {name} needs so much memory for; record it for longer: a curve tells a leak from need."
    return [advice, *why.by_settings(facts, screen.text)]


def next_steps(screen: Screen, facts: Facts) -> list[str]:
    """What to do, the most useful first."""
    found = []
    leaks = facts.leaks or facts.suspicions[:1]
    if leaks:
        life = leaks[0].worst
        name = screen.text(life.name)
        if not life.leaks:
            found.append(f"Record {name} for longer: a longer curve tells a leak from growth that stops.")
        found.append(_by_place(screen, life, name))
        found += why.by_settings(facts, screen.text)
        if not any(one.kind == "mark" for one in facts.happenings):
            found.append('Mark what you do while it grows: lastgasp-agent mark "test 7"')
    elif facts.machine_leaks:
        found.append(KERNEL_ADVICE.get(facts.machine_leaks[0].name, OTHER_ADVICE))
    else:
        found += _by_kill(screen, facts)
    found += [counts.advice(growth, screen.text) for growth in facts.counts[:COUNTS]]
    if facts.squeezes:
        found.append(
            "The kernel's own words on the end may have survived in /sys/fs/pstore (ramoops), or on the serial console:"
            " lastgasp oom FILE explains them."
        )
    if facts.refusals:
        found.append(
            "Find out what is promised and never used (VmSize against VmRSS); lastgasp advise tells of"
            " vm.overcommit_ratio and its caution."
        )
    if not found and facts.bad:
        found.append("lastgasp oom explains each kill, lastgasp advise tells what settings can do.")
    elif not found and (facts.span.samples < 30 or facts.span.recorded_ms < 60_000):
        found.append("Record for longer, under the load of a normal day: ten minutes at least.")
    elif not found:
        found.append("Nothing needs to be done. Keep recording: slow leaks show after days.")
    if facts.losses.newer_blocks:
        found.append("Upgrade lastgasp here: part of this recording was written by a newer one.")
    return found
