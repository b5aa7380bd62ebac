"""The columns of the process table: how wide, what is in them, and how to sort by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lastgasp.analysis.snapshot import Task
from lastgasp.report import units

STEADY = "^"  # beside growth without a pause
NOTHING = "?"  # unknown; a process that may not be killed has "-" for its rank
Key = Callable[[Task], float | int | bytes | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One of them."""

    name: str  # as --sort and the keyboard's help call it
    key: str  # that sorts by it
    title: str
    width: int  # with the space before it; the name takes what is left
    cell: Callable[[Task], str]
    value: Key
    most_first: bool = True
    least_width: int = 0  # of the screen, for the column to be shown


def _size(value: int | None) -> str:
    return NOTHING if value is None else units.size(value).replace(" kB", "k").replace(" MB", "M").replace(" GB", "G")


def _growth(task: Task) -> str:
    if task.growth_per_h is None:
        return NOTHING
    if not task.growth_per_h:
        return "0"
    return ("+" if task.growth_per_h > 0 else "") + _size(task.growth_per_h) + (STEADY if task.growth_steady else "")


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 100:.1f}"


def _number(value: int | None, unknown: str = NOTHING) -> str:
    return unknown if value is None else str(value)


NAME = Column("name", "n", "NAME", 0, lambda task: "", lambda task: task.name, False)
COLUMNS = (
    Column("pid", "p", "PID", 7, lambda task: str(task.pid), lambda task: task.pid, False),
    NAME,
    Column("rss", "r", "RSS", 8, lambda task: _size(task.rss_bytes), lambda task: task.rss_bytes),
    Column("anon", "a", "ANON", 8, lambda task: _size(task.anon_bytes), lambda task: task.anon_bytes),
    Column(
        "shared",
        "h",
        "SHARED",
        8,
        lambda task: _size(task.shared_bytes),
        lambda task: task.shared_bytes,
        least_width=80,
    ),
    Column("swap", "w", "SWAP", 7, lambda task: _size(task.swap_bytes), lambda task: task.swap_bytes, least_width=72),
    Column("cpu", "c", "CPU%", 6, lambda task: _share(task.cpu_share), lambda task: task.cpu_share, least_width=58),
    Column("growth", "g", "ANON/h", 9, _growth, lambda task: task.growth_per_h, least_width=52),
    Column("oom", "o", "OOM", 4, lambda task: _number(task.oom_rank, "-"), lambda task: task.oom_rank, False),
    Column(
        "adj", "j", "ADJ", 6, lambda task: _number(task.oom_score_adj), lambda task: task.oom_score_adj, least_width=64
    ),
    Column("threads", "t", "THR", 4, lambda task: _number(task.threads), lambda task: task.threads, least_width=80),
    Column(
        "files", "f", "FILES", 6, lambda task: _number(task.open_files), lambda task: task.open_files, least_width=96
    ),
    Column(
        "state", "s", "S", 2, lambda task: task.state or NOTHING, lambda task: (task.state or "").encode(), False, 96
    ),
)
BY_NAME = {column.name: column for column in COLUMNS}
BY_KEY = {column.key: column for column in COLUMNS}
DEFAULT = "rss"


def shown(width: int) -> list[Column]:
    """Those that a screen has room for."""
    return [column for column in COLUMNS if column.least_width <= width]


def ordered(tasks: Sequence[Task], column: Column, turned: bool) -> list[Task]:
    """Sorted by a column, the unknown last; equal ones by RSS, then pid."""
    known = [task for task in tasks if column.value(task) is not None]
    unknown = [task for task in tasks if column.value(task) is None]
    for some in (known, unknown):
        some.sort(key=lambda task: (-(task.rss_bytes or 0), task.pid))
    known.sort(key=column.value, reverse=column.most_first != turned)  # type: ignore[arg-type]
    return known + unknown
