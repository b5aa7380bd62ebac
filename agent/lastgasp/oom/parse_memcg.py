"""What is said of the control group whose limit was reached: cgroup v1 and v2, old and new texts."""

from __future__ import annotations

import re

from lastgasp.oom.block import MOST_ROWS, Block, Section
from lastgasp.oom.report import Constraint

OF_LIMIT = re.compile(rb"Task in (.{1,4096}) killed as a result of limit of (.*)$", re.S)
OF_TASK = re.compile(rb"Task in (.{1,4096}) killed\s*$", re.S)  # what follows is printed apart, by old kernels
OF_WHAT = re.compile(rb" ?as a result of limit of (.*)$", re.S)
OF_GROUP = re.compile(rb"Memory limit reached of cgroup (.*)$", re.S)
USAGE = re.compile(rb"(memory|memory\+swap|swap|kmem): usage (\d{1,20})kB, limit (\d{1,20})kB, failcnt (\d{1,20})")
STATS = b"Memory cgroup stats"
OLD_STAT = re.compile(rb"([a-z_()]{1,40}):(\d{1,20})(KB)?")
STAT = re.compile(rb"\s*([a-z][\w.]{1,40}) (\d{1,20})\s*$")
OVERFLOW = re.compile(rb"\w{1,40}: Warning, stat buffer overflow")
FRAGMENT = re.compile(rb"\s*[a-z_]{1,40} ?$")
FIELDS = {
    b"memory": ("usage_kb", "limit_kb"),
    b"swap": ("swap_usage_kb", "swap_limit_kb"),
    b"memory+swap": ("swap_usage_kb", "swap_limit_kb"),
    b"kmem": ("kmem_usage_kb", "kmem_limit_kb"),
}


def read(text: bytes, block: Block) -> bool:
    """Read a line of this part; False if it is none."""
    if block.section >= Section.TASKS:
        return False
    if match := USAGE.match(text):
        block.section = Section.MEMCG
        usage, limit = FIELDS[match[1]]
        values = {usage: int(match[2]), limit: int(match[3])}
        if match[1] == b"memory":
            values["failcnt"] = int(match[4])
        block.memcg(**values)
        return True
    if text.startswith(STATS):
        block.section = Section.MEMCG
        path, colon, rest = text[len(STATS) :].removeprefix(b" for ").partition(b": ")
        _stats_of(path if colon else path.rstrip().removesuffix(b":"), rest, block)
        return True
    if match := OF_LIMIT.match(text):
        block.memcg(task_path=match[1], path=match[2].rstrip())
        block.report.constraint = Constraint.MEMCG
        return True
    if match := OF_TASK.match(text):
        block.memcg(task_path=match[1])
        block.report.constraint = Constraint.MEMCG
        return True
    if match := OF_GROUP.match(text) or OF_WHAT.match(text):
        block.memcg(path=match[1].rstrip())
        block.report.constraint = Constraint.MEMCG
        return True
    return block.section == Section.MEMCG and (OVERFLOW.match(text) is not None or _stat(text, block))


def _stats_of(path: bytes, rest: bytes, block: Block) -> None:
    """The statistics of a group follow. Old kernels tell those of each group below it by itself: these are added up."""
    memcg = block.report.memcg
    if path and (memcg is None or memcg.path is None):
        block.memcg(path=path)
    stats = dict(memcg.stats) if memcg else {}
    for match in OLD_STAT.finditer(rest):
        if len(stats) < MOST_ROWS:
            stats[match[1]] = stats.get(match[1], 0) + int(match[2]) * (1024 if match[3] else 1)
    block.memcg(stats=stats)


def _stat(text: bytes, block: Block) -> bool:
    if match := STAT.match(text):
        _keep(match[1], int(match[2]), block)
        return True
    return FRAGMENT.match(text) is not None  # the kernel cuts records at 1 kB or so, also within a name


def _keep(name: bytes, value: int, block: Block) -> None:
    stats = block.report.memcg.stats if block.report.memcg else {}
    if len(stats) < MOST_ROWS and name not in stats:
        block.memcg(stats=stats | {name: value})
