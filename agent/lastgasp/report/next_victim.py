"""Who would be killed next, in words: a short section of a report, and the whole of ``what-if --at``."""

from __future__ import annotations

from collections.abc import Sequence

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.identity import names_of
from lastgasp.analysis.victim.closest import Course
from lastgasp.analysis.victim.next_victim import GroupOutlook, Outlook, Standing, Unknown
from lastgasp.oom.badness import ERAS
from lastgasp.oom.what_if import Change, Rule
from lastgasp.report import units
from lastgasp.report.oom.words import Text, who
from lastgasp.report.screen import Screen
from lastgasp.report.what_if import changed

ROWS = 10
VITAL_SHOWN = 6
GROUPS_SHOWN = 5
NEAR = 0.9  # of its limit: a group that a report tells of
NAMES = 20
WHY_UNKNOWN = {
    Unknown.NO_GROUND: "RAM is not recorded, or the kernel is older than 2.6.36",
    Unknown.NO_PROCESSES: "no process is recorded at that moment",
}


def size(kb: int) -> str:
    """kB as people read them."""
    return units.size(kb * 1024)


def section(screen: Screen, facts: Facts) -> None:
    """A few lines of the report."""
    found = facts.next_victim
    if found is None:
        screen.heading("WHO WOULD BE KILLED NEXT")
        screen.line("  unknown: that takes samples of processes, RAM, and a kernel from 2.6.36 on")
        return
    news = [event for event in facts.ooms if not event.before_recording]
    at = (found.at.boot, found.at.uptime_ms)
    which = "last sample"
    if any((event.at.boot, event.at.uptime_ms) >= at and (event.victim_pid or event.panic) for event in news):
        which = "last sample before the first kill"
    screen.heading(f"WHO WOULD BE KILLED NEXT ({which}, {units.near(found.at, facts.span)})")
    table(screen, [one for number, one in enumerate(found.ranking) if number < 3])
    vital = [one for one in found.ranking[3:] if (one.oom_score_adj or 0) < 0]
    for one in vital[:VITAL_SHOWN]:
        name = who(one.program, one.pid, screen.text)
        screen.wrap(f"{name}, oom_score_adj {one.oom_score_adj}: {distance(one)}", "  ", "    ")
    if len(vital) > VITAL_SHOWN:
        screen.line(f"  {units.count(len(vital) - VITAL_SHOWN, 'more process', 'more processes')} below 0", "dim")
    for group in found.groups:
        if group.usage_kb is not None and group.usage_kb >= NEAR * group.limit_kb:
            screen.wrap(_group(group, screen.text), "  ", "    ")
    said = [agreement(found, screen.text)] if found.check.compared else []
    if found.adj_unknown:
        adj = units.count(found.adj_unknown, "process", "processes")
        said.append(f"oom_score_adj of {adj} is not recorded and taken as 0")
    for line in said:
        screen.wrap(line, "  ", "    ", "dim")


def table(screen: Screen, rows: Sequence[Standing]) -> None:
    """One line a process; ``?``: not recorded, and taken as 0."""
    screen.line(f"  {'#':<3} {'pid':>7} {'program':{NAMES}} {'points':>9} {'adj':>5} {'holds':>9}  away", "dim")
    for one in rows:
        name = screen.fit(screen.text(one.program), NAMES)
        adj = "?" if one.oom_score_adj is None else str(one.oom_score_adj)
        held = size(one.rss_kb + (one.swap_kb or 0) + (one.page_tables_kb or 0))
        points = "–" if one.points is None else f"{one.points:,}"
        screen.line(
            f"  {one.rank or '–':<3} {one.pid:>7} {name} {points:>9} {adj:>5} {held:>9}  {_away(one)}",
            "bad" if one.rank == 1 else "",
        )


def _away(one: Standing) -> str:
    if one.rank is None:
        return "passed over" if one.passed_over else "never"
    if one.rank == 1:
        return "next" if one.away_kb is None else f"next, by {size(-one.away_kb)}"
    return "never so" if one.away_kb is None else size(one.away_kb)


def distance(one: Standing) -> str:
    """How far from being killed, as a clause."""
    if one.rank is None:
        return "is passed over by the kernel" if one.passed_over else "may not be killed"
    if one.rank == 1:
        less = "whatever it gives back" if one.away_kb is None else f"{size(-one.away_kb)} less would spare it"
        return f"is the next; {less}"
    if one.away_kb is None:
        return "no growth would make it the next"
    return f"{size(one.away_kb)} away from being the next"


def agreement(found: Outlook, text: Text) -> str:
    """The model against the kernel's own oom_score."""
    check = found.check
    if not check.compared:
        return "the kernel's own oom_score is not recorded: nothing to compare with"
    if check.agreeing == check.compared:
        said = f"the kernel's own oom_score agrees for all {units.count(check.compared, 'process', 'processes')}"
        said = said.replace("all 1 process", "the 1 process")
    else:
        said = (
            f"the kernel's own oom_score agrees for {check.agreeing:,} of"
            f" {units.count(check.compared, 'process', 'processes')}"
        )
    if check.first_agrees:
        said += ", and none had a higher one than the first here"
    elif check.highest is not None:
        name = who(check.highest, check.highest_pid, text)
        said += f"; but when it was read, that of {name} was higher than that of the first here"
    spared = [one.pid for one in found.ranking if one.passed_over]
    if spared:
        pids = ", ".join(map(str, spared[:3])) + (" …" if len(spared) > 3 else "")
        said += (
            f". It was 0 for pid {pids}: the kernel passes over a child between vfork and exec, and a process that is"
            " dying"
        )
    return said


def _group(group: GroupOutlook, text: Text) -> str:
    first = group.ranking[0] if group.ranking and group.ranking[0].rank is not None else None
    used = "" if group.usage_kb is None else f"{size(group.usage_kb)} of "
    named = "nobody in it may be killed" if first is None else who(first.program, first.pid, text)
    return f"when {text(group.path)} is full ({used}{size(group.limit_kb)}): {named}"


def sentence(found: Outlook, plain: Outlook | None, text: Text) -> str:
    """The answer; ``plain``: the same instant without the change, where there is one."""
    first = found.first
    named = "nobody" if first is None else who(first.program, first.pid, text)
    if plain is None:
        said = f"{named} would be killed next" if first else "Nobody might be killed: the kernel would panic"
    else:
        before = plain.first
        old = "nobody" if before is None else who(before.program, before.pid, text)
        if (before.key if before else None) == (first.key if first else None):
            said = f"No other choice: with this change, too, {named} would be killed next"
        elif first is None:
            said = f"Nobody might be killed then, instead of {old}: the kernel would panic"
        else:
            said = f"{named} would be killed next, instead of {old}"
    if found.panic_on_oom:
        return f"The kernel would panic instead of killing (vm.panic_on_oom={found.panic_on_oom}); else: {said}."
    if found.kill_allocating_task:
        return (
            "Whoever asks for memory then would be killed (vm.oom_kill_allocating_task=1); by its points, that is with"
            f" 0: {said}."
        )
    full = next((group for group in found.groups if (group.usage_kb or 0) >= NEAR * group.limit_kb), None)
    if full is None:
        return f"{said}."
    same = first is not None and bool(full.ranking) and full.ranking[0].key == first.key
    if same:
        return f"{said}, also by the limit of {text(full.path)}, which is full."
    return f"{said}. But {_group(full, text)}."


def draw(
    screen: Screen,
    file: str,
    found: Outlook,
    plain: Outlook | None,
    courses: Sequence[Course],
    change: Change,
    asked: str,
) -> None:
    """One instant: the answer, the ranking, the named ones, groups, and what this can't say.

    ``plain``: without the ``change``, where there is one. ``asked``: what is to be said of the sample taken.
    """
    if plain is not None:
        screen.wrap(f"With {screen.text(changed(change))}:", "", "")
    for said in about(found, [course.pattern for course in courses], screen.text):
        screen.wrap(said, "", "", "head")
    screen.wrap(sentence(found, plain, screen.text), "", "", "" if courses else "head")
    screen.line()
    screen.wrap(f"From    {screen.text(file)}", "", "        ")
    wall = "" if found.at.wall_ns is None else f" (uptime {units.clock(found.at.uptime_ms)})"
    screen.wrap(f"When    {units.stamp(found.at)}{wall} of boot {found.at.boot}{asked}", "", "        ")
    kernel = f"Linux {screen.text(found.kernel)}" if found.kernel else "kernel unknown, taken as the newest"
    swap = (
        "swap not recorded" if found.swap_kb is None else f"swap {size(found.swap_kb)}" if found.swap_kb else "no swap"
    )
    screen.wrap(
        f"By      {kernel}: the arithmetic since {found.era}, against {size(found.total_kb)}"
        f" (RAM {size(found.ram_kb)}, {swap}{', changed' if change.ram_kb or change.swap_kb else ''})",
        "",
        "        ",
    )
    for rule in found.unmatched:
        named = f"pid {rule.pid}" if rule.pid is not None else screen.text(rule.name or b"")
        screen.wrap(f"No process at that moment is {named}: that rule changed nothing.", "", "", "bad")
    screen.heading("WHO WOULD BE KILLED NEXT, AND HOW FAR THE OTHERS ARE FROM IT")
    table(screen, found.ranking[:ROWS])
    rest = found.ranking[ROWS:]
    vital = [one for one in rest if (one.oom_score_adj or 0) < 0]
    if vital:
        screen.line("  and of those with a negative oom_score_adj:", "dim")
        table(screen, vital[:ROWS])
    if len(rest) > len(vital[:ROWS]):
        screen.line(f"  … and {len(rest) - len(vital[:ROWS]):,} more", "dim")
    _named(screen, found, courses)
    if found.groups:
        screen.heading("MEMORY GROUPS: WHEN ONE IS FULL, ONLY ITS MEMBERS ARE LOOKED AT")
        for group in found.groups[:GROUPS_SHOWN]:
            screen.wrap(_group(group, screen.text), "  ", "    ")
        if len(found.groups) > GROUPS_SHOWN:
            screen.line(f"  … and {len(found.groups) - GROUPS_SHOWN:,} more", "dim")
    screen.heading("DOES THE KERNEL AGREE")
    screen.wrap(("without the change, " if plain else "") + agreement(plain or found, screen.text), "  ", "    ")
    screen.heading("WHAT THIS CAN'T SAY")
    for line in doubts(found, change):
        screen.wrap(line, "  ", "    ")


def about(found: Outlook, patterns: Sequence[Rule], text: Text) -> list[str]:
    """The processes that were asked for, in a sentence each: how far each was from being killed at that instant."""
    said = []
    for pattern in patterns:
        now = _fitting(found, pattern)
        if not now:
            said.append(f"{_called(pattern, text)} was not running at that moment.")
        else:
            of = f"Of the {len(now)} processes called {_called(pattern, text)} the nearest: " if len(now) > 1 else ""
            said.append(f"{of}{who(now[0].program, now[0].pid, text)} {_stands(now[0])}.")
    return said


def _stands(one: Standing) -> str:
    """What is true of a process, behind its name."""
    if one.rank is not None and one.rank > 1:
        return "would be the next by no growth" if one.away_kb is None else f"is {distance(one)}"
    return distance(one)


def _fitting(found: Outlook, pattern: Rule) -> list[Standing]:
    return [
        one for one in found.ranking if any(pattern.fits(one.pid, name) for name in names_of(one.name, one.program))
    ]


def _called(pattern: Rule, text: Text) -> str:
    return f"pid {pattern.pid}" if pattern.pid is not None else text(pattern.name or b"")


def _named(screen: Screen, found: Outlook, courses: Sequence[Course]) -> None:
    if not courses:
        return
    screen.heading("THE PROCESSES ASKED FOR")
    for course in courses:
        pattern = course.pattern
        name = _called(pattern, screen.text)
        if not course.lives:
            screen.wrap(f"{name}: no such process is in this recording", "  ", "    ", "bad")
            continue
        now = _fitting(found, pattern)
        lives = units.count(course.lives, "process", "processes")
        said = [f"{lives} over the recording, {len(now)} at that moment"] if course.lives > 1 else []
        said += [f"{'pid ' + str(one.pid) + ' ' if len(now) > 1 else ''}{distance(one)}" for one in now[:3]]
        said += [f"and {len(now) - 3:,} more"] if len(now) > 3 else []
        said += [] if now else ["not running at that moment"]
        screen.wrap(f"{name}: {'; '.join(said)}", "  ", "    ")
        screen.wrap(_over_time(course), "    ", "    ")


def _over_time(course: Course) -> str:
    closest = course.closest
    if closest is None:
        return "over the recording: at no time might it be killed"
    at = units.stamp(closest.at)
    if course.first_from is None:
        return f"over the recording: never the next; closest at {at}, by {size(closest.away_kb)}"
    share = units.percent(course.share) if course.share is not None else "all"
    return (
        f"over the recording: the next for {share} of the time that it lived ({units.duration(course.first_ms)}), first"
        f" at {units.stamp(course.first_from)}, by most at {at}"
    )


def doubts(found: Outlook, change: Change) -> list[str]:
    """What this ranking can't say."""
    era = next(era for era in ERAS if era.name == found.era)
    many = ("process", "processes")
    said = [
        "this is one moment: who asks for memory next, how much has to come free and who grows until then is not known",
        "RSS is as of this sample; oom_score_adj, swap and page tables are read in turns (slow_interval, by default a"
        " minute) and can be that much older",
    ]
    if change.ram_kb or change.swap_kb:
        said.append("with more or less memory sizes would be others: only the ranking at this moment is meant")
    if found.adj_unknown:
        number = units.count(found.adj_unknown, *many)
        said.append(f"oom_score_adj of {number} (adj ?) was never recorded, and is taken as 0")
    later = sum(one.adj_later for one in found.ranking)
    if later:
        said.append(f"oom_score_adj of {units.count(later, *many)} was read only after this moment")
    if found.sizes_unknown:
        number = units.count(found.sizes_unknown, *many)
        said.append(f"swap or page tables of {number} are not recorded: their points are too low by these")
    if found.stale:
        said.append(f"what is known of {units.count(found.stale, *many)} is from before a gap of the recording")
    if found.lost:
        number = units.count(found.lost, *many)
        said.append(f"{number} left out that may have ended in a gap of the recording, or not")
    if found.untracked:
        said.append(f"{units.count(found.untracked, *many)} left out that the agent had no room to follow")
    if found.swap_kb is None:
        said.append("swap of the machine is not recorded: taken as none")
    if found.kernel is None:
        said.append("the kernel's version is not recorded: an older one reckons otherwise")
    if era.root_bonus:
        said.append("who has CAP_SYS_ADMIN is not recorded: uid 0 is taken for it")
    if era.sacrifices_children:
        said.append("before 5.1 a child may be killed in its parent's place")
    if any(group.swap_kb for group in found.groups):
        said.append("how much a group may swap is not recorded: taken as all swap")
    return said
