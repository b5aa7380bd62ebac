"""The kernel's decision: whom it chose, whom it killed, what the reaper got back, or that it gave up.

Names are between what the kernel prints before and after them; they are cut at the last place where they can end.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lastgasp.oom.block import Block, Section
from lastgasp.oom.parse_header import COMM
from lastgasp.oom.report import Constraint, Refusal, Victim

CHOSE = b"oom-kill:constraint="
CHOSE_END = re.compile(rb",pid=(\d{1,10}),uid=(\d{1,10})\s*$")
WHERE = re.compile(  # cpuset and mems_allowed only with CONFIG_CPUSETS
    rb"oom-kill:constraint=(\w+),nodemask=(\(null\)|[\d,-]*)(?:,cpuset=(.*?),mems_allowed=([\d,-]*))?(?=,|$)", re.S
)
KILLED = re.compile(
    rb"(?:(.{0,200}?): )?Killed process :?(\d{1,10})(?:,? UID (\d{1,10}),)? \((.*)\)(?:,? UID (\d{1,10}))?,? "
    rb"(?=total-vm:|vsz:|anon-rss:)(.*)$",
    re.S,
)
KILLED_CUT = re.compile(rb"(?:(.{0,200}?): )?Killed process :?(\d{1,10})(?:,? UID \d{1,10},)? \((.*)$", re.S)
SCORE = re.compile(rb"(?:(.{0,200}?): )?[Kk]ill process (\d{1,10}) \((.*)\) (?:with )?score (-?\d{1,10}) or ", re.S)
SHARING = re.compile(rb"Kill process (\d{1,10}) \((.*)\) sharing same memory", re.S)
VALUE = re.compile(  # with its unit, or else it may be cut
    rb"(total-vm|vsz|anon-rss|file-rss|shmem-rss|pgtables):(\d{1,18})kB|(oom_score_adj|UID):(-?\d{1,18})(?=[\s,]|$)"
)
EXITING = re.compile(rb"(?:(.{0,200}?): )?OOM victim (\d{1,10}) \((.*)\) is already exiting", re.S)
PINNED = re.compile(rb"oom killer \d{1,10} \(.*\) has mm pinned by \d", re.S)
GROUP = re.compile(rb"Tasks in (.*) are going to be killed due to memory\.oom\.group set")
REAPED = re.compile(rb"oom_reaper: reaped process :?(\d{1,10}) \((.*)\),? (?:now )?(anon-rss:.*)$", re.S)
NOT_REAPED = re.compile(rb"oom_reaper: unable to reap pid:(\d{1,10}) \(")
PANIC = re.compile(
    rb"Kernel panic - not syncing: (.{0,99}?out of memory.*|System is deadlocked on memory.*)$", re.S | re.I
)
NO_KILLABLE = re.compile(rb"Out of memory and no killable processes")
SYSRQ = re.compile(rb"(?:sysrq: )?(?:SysRq : )?(?:sysrq: )?Manual OOM execution", re.I)
IGNORED = re.compile(rb"(?:sysrq: )?OOM request ignored")
REFUSED = re.compile(
    rb"__vm_enough_memory: pid: ?(\d{1,10}), comm: ?(.*), (?:bytes: ?(\d{1,20}) )?(?:no|not) enough memory", re.S
)
MEMCG = b"Memory cgroup out of memory"
ALLOCATING = b"Out of memory (oom_kill_allocating_task)"
NAMES = {
    b"total-vm": "total_vm_kb",
    b"vsz": "total_vm_kb",
    b"anon-rss": "anon_rss_kb",
    b"file-rss": "file_rss_kb",
    b"shmem-rss": "shmem_rss_kb",
    b"pgtables": "pgtables_kb",
    b"oom_score_adj": "oom_score_adj",
    b"UID": "uid",
}


def begins(text: bytes) -> bool:
    """Whether this line is of a kill, with or without a report before it."""
    return (
        text.startswith(CHOSE)
        or (b"ill" in text and (KILLED_CUT.match(text) or SCORE.match(text)) is not None)
        or (b"exiting" in text and EXITING.match(text) is not None)
        or PANIC.match(text) is not None
        or NO_KILLABLE.match(text) is not None
    )


def read(text: bytes, block: Block) -> bool:
    """Read a line of this part; False if it is none."""
    if text.startswith(CHOSE):
        return _chose(text, block)
    if b"ill" in text:
        return _kills(text, block)
    return _ends(text, block)


def reaped(text: bytes, blocks: list[Block]) -> Block | None:
    """Put a line of the oom_reaper to the victim that it names; the block, if there is one."""
    match = REAPED.match(text) or NOT_REAPED.match(text)
    if match is None:
        return None
    pid = int(match[1])
    for block in reversed(blocks):
        for index, victim in enumerate(block.report.victims):
            if victim.pid == pid:
                if match.re is REAPED:
                    left = {found[1].split(b"-")[0]: int(found[2]) for found in VALUE.finditer(match[3]) if found[1]}
                    victim = replace(victim, reaped=True, left_kb=left)
                else:
                    victim = replace(victim, not_reaped=True)
                block.report.victims[index] = victim
                return block
    return None


def refused(text: bytes) -> Refusal | None:
    """An allocation that overcommit refused, if this line tells of one."""
    match = REFUSED.match(text) if text.startswith(b"__vm_enough") else None
    return Refusal(int(match[1]), match[2], int(match[3]) if match[3] else None) if match else None


def _chose(text: bytes, block: Block) -> bool:
    report, whole = block.report, text
    if where := WHERE.match(text):
        report.constraint = next((known for known in Constraint if known.encode() == where[1]), report.constraint)
        report.nodemask, report.cpuset, report.mems_allowed = where.groups()[1:]
        text = text[where.end() :]
    end = CHOSE_END.search(text)
    if end is None:
        if b",task=" in text:
            block.held = whole  # cut, or a newline in the name
        return True
    report.chosen_pid, report.chosen_uid = int(end[1]), int(end[2])
    _groups(text[: end.start()], block)
    return True


def _groups(text: bytes, block: Block) -> None:
    """``,oom_memcg=/a,task_memcg=/a/b,task=NAME``, of which paths and name may hold what looks like more of it."""
    report = block.report
    rest, _, name = _last_task(text, {task.name for task in report.tasks or [] if task.pid == report.chosen_pid})
    report.chosen_name = name
    limit = None
    if rest.startswith(b",oom_memcg="):
        limit, _, rest = rest.removeprefix(b",oom_memcg=").partition(b",task_memcg=")
        report.chosen_memcg = rest
        block.memcg(path=limit, task_path=rest)
    elif rest.startswith(b",global_oom,task_memcg="):
        report.chosen_memcg = rest.removeprefix(b",global_oom,task_memcg=")


def _last_task(text: bytes, known: set[bytes]) -> tuple[bytes, bytes, bytes]:
    mark = b",task="
    for name in known:
        if text.endswith(mark + name):
            return text[: -len(mark + name)], mark, name
    at = text.find(mark, max(len(text) - COMM - len(mark), 0))
    return (text[:at], mark, text[at + len(mark) :]) if at >= 0 else text.rpartition(mark)


def _kills(text: bytes, block: Block) -> bool:
    report = block.report
    if match := KILLED.match(text):
        values = {NAMES[found[1] or found[3]]: int(found[2] or found[4]) for found in VALUE.finditer(match[6])}
        uid = match[3] or match[5]
        if uid:
            values["uid"] = int(uid)
        _victim(int(match[2]), match[4], match[1], values, block)
        return _end(block)
    if match := SHARING.match(text):
        block.victim(Victim(int(match[1]), match[2], how=b"sharing same memory"))
        return True
    if match := SCORE.match(text):
        block.asked = (int(match[2]), match[3], int(match[4]), match[1] or b"")
        _how(match[1] or b"", block)
        return True
    if match := GROUP.match(text):
        report.group_kill = match[1]
        return True
    if PINNED.match(text):
        return True
    if match := KILLED_CUT.match(text):
        block.held = text
        _victim(int(match[2]), match[3], match[1], {}, block)
        return _end(block)
    return _ends(text, block)


def _ends(text: bytes, block: Block) -> bool:
    """Reports without a kill."""
    report = block.report
    if match := PANIC.match(text):
        report.panic = match[1].strip()
    elif match := EXITING.match(text):
        _how(match[1] or b"", block)
        report.exiting = Victim(int(match[2]), match[3], how=match[1] or b"")
    elif NO_KILLABLE.match(text):
        report.no_killable = True
    elif not (report.sysrq and IGNORED.match(text)):
        return False
    return _end(block)


def _victim(pid: int, name: bytes, how: bytes | None, values: dict[str, int], block: Block) -> None:
    asked = block.asked
    parent = score = None
    if asked:
        score = asked[2]
        parent = asked[0] if asked[0] != pid else None
        how = how or asked[3]
    _how(how or b"", block)
    block.asked = None
    block.victim(Victim(pid, name, how=how or b"", score=score, sacrificed_for=parent, **values))  # type: ignore[arg-type]


def _how(how: bytes, block: Block) -> None:
    if how == ALLOCATING:
        block.report.allocating_task = True
    elif how == MEMCG:
        block.report.constraint = Constraint.MEMCG


def _end(block: Block) -> bool:
    block.report.complete = True
    block.section = Section.END
    return True
