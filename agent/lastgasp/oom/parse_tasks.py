"""The table of tasks: columns by its heading, rows from their fixed left end, names as they are.

A row is ``[  pid  ]``, a number for each column of the heading, one space, and the name: whatever stands there,
brackets, spaces, digits or a newline, belongs to the name.
"""

from __future__ import annotations

import re

from lastgasp.oom.block import MOST_TASKS, Block, Section
from lastgasp.oom.parse_header import COMM
from lastgasp.oom.report import Task

STATE = re.compile(rb"Tasks state \(memory values in pages\):")
HEADING = re.compile(rb"\[ *pid *\] +([a-z].*)$")
ROW = re.compile(rb"\[ {0,12}(\d{1,10})\]((?: +-?\d{1,20})+)")
NUMBERS = {
    b"uid": "uid",
    b"tgid": "tgid",
    b"total_vm": "total_vm",
    b"rss": "rss",
    b"rss_anon": "rss_anon",
    b"rss_file": "rss_file",
    b"rss_shmem": "rss_shmem",
    b"nr_ptes": "nr_ptes",
    b"nr_pmds": "nr_pmds",
    b"pgtables_bytes": "pgtables_bytes",
    b"swapents": "swapents",
    b"cpu": "cpu",
    b"oom_adj": "oom_adj",
    b"oom_score_adj": "oom_score_adj",
}
TAIL = (b"swapents", b"oom_score_adj")
START = (b"uid", b"tgid", b"total_vm", b"rss")
# Where the heading was lost: by the number of columns; the first such could be nr_ptes, too (see _guess).
LOST = {
    7: (*START, b"pgtables_bytes", *TAIL),
    8: (*START, b"nr_ptes", b"nr_pmds", *TAIL),
    10: (*START, b"rss_anon", b"rss_file", b"rss_shmem", b"pgtables_bytes", *TAIL),
}


def is_heading(text: bytes) -> bool:
    """Whether this line begins a table: only an OOM report has one."""
    return STATE.match(text) is not None or (text[:1] == b"[" and HEADING.match(text) is not None)


def read(text: bytes, block: Block, line: int) -> bool:
    """Read a line of the table; False if it is none, or of the table of another report (``block.anothers``)."""
    report = block.report
    if text[:1] != b"[":
        if STATE.match(text):
            block.anothers = bool(block.rows)
            block.section = Section.TASKS
            return not block.anothers
        return False
    if match := HEADING.match(text):
        if block.rows:
            block.anothers = True
            return False
        block.section = Section.TASKS
        report.tasks = report.tasks or []
        columns = tuple(match[1].split())
        if columns[-1] == b"name":  # else it is cut: as if it were lost
            block.columns = columns[:-1]
            report.columns = (b"pid", *columns)
        return True
    if block.section == Section.HEAD and block.columns is None:
        return False  # "[<c0101234>] …" and the like
    match = ROW.match(text)
    if match is None:
        return False
    task = _row(text, match, block.columns or _guess(match))
    if task is None:
        return False
    if task.pid in block.rows and report.tasks and task.pid != report.tasks[-1].pid:
        block.anothers = True  # no process is twice in a table, but a log may have each line twice
        return False
    block.section = Section.TASKS
    block.row_line = line
    if report.tasks is None:
        report.tasks = []
    if len(report.tasks) < MOST_TASKS:
        report.tasks.append(task)
        block.rows.add(task.pid)
    else:
        report.tasks_dropped += 1
    return True


def goes_on(text: bytes, block: Block) -> bool:
    """Take this line as the rest of a name with a newline in it, if it follows a row and can be that."""
    tasks = block.report.tasks
    if not tasks or block.report.tasks_dropped:
        return False
    last = tasks[-1]
    name = last.name + b"\n" + text
    if len(name) > COMM:
        return False
    values = {slot: getattr(last, slot) for slot in Task.__dataclass_fields__}
    tasks[-1] = Task(**values | {"name": name})
    return True


def _row(text: bytes, match: re.Match[bytes], columns: tuple[bytes, ...] | None) -> Task | None:
    if not columns:
        return None
    # The name may begin with digits or spaces: count the columns again, from the left.
    at = match.start(2)
    numbers = []
    for _ in columns:
        number = NUMBER.match(text, at)
        if number is None:
            return None
        numbers.append(number[1])
        at = number.end()
    if text[at : at + 1] != b" ":
        return None  # cut, so that the last number may be as well
    values: dict[str, int] = {}
    other: dict[bytes, bytes] = {}
    for column, number_text in zip(columns, numbers, strict=True):
        if column in NUMBERS:
            try:
                values[NUMBERS[column]] = int(number_text)
            except ValueError:
                return None
        else:
            other[column] = number_text
    return Task(int(match[1]), text[at + 1 :], other=other, **values)


NUMBER = re.compile(rb" {1,24}([^\s\[\]]{1,32})(?= |$)")


def _guess(match: re.Match[bytes]) -> tuple[bytes, ...] | None:
    numbers = match[2].split()
    columns = LOST.get(min(len(numbers), 10))
    if columns and len(numbers) == 7 and int(numbers[4]) < 1024:
        return tuple(b"nr_ptes" if column == b"pgtables_bytes" else column for column in columns)
    return columns
