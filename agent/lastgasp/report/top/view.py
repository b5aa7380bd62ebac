"""One instant drawn: header, memory as a bar, the course of available memory, processes.

``lines`` gives plain lines with their role, as wide and as many as asked for; whoever calls paints them. ASCII where
the screen cannot show more. Unknown is ``?``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lastgasp.analysis.snapshot import Memory, Snapshot, Task
from lastgasp.report import units
from lastgasp.report.screen import Screen
from lastgasp.report.top.columns import DEFAULT, NAME, NOTHING, Column, ordered, shown
from lastgasp.report.visible import columns as width_of

LEAST_WIDTH, LEAST_HEIGHT = 40, 12
LABEL = 6
Line = tuple[str, str]  # text, role (as ``Screen.paint`` has it; "" is plain)


@dataclass(frozen=True, slots=True)
class Course:
    """Available memory over a boot, for one line: cells with the lowest value of each stretch, and what lies where."""

    cells: list[float | None]
    highest: float | None
    here: int  # cell of the instant
    kills: list[int]
    marks: list[int]


@dataclass(frozen=True, slots=True)
class Wish:
    """How it shall be shown."""

    sort: str = DEFAULT
    turned: bool = False  # the other way round
    needle: str = ""  # only processes whose pid, name or command line holds this
    kernel: bool = False  # threads of the kernel, too
    offset: int = 0  # processes left out at the top
    title: str = ""


def lines(snapshot: Snapshot, wish: Wish, course: Course | None, screen: Screen, width: int, height: int) -> list[Line]:
    """At most ``height`` lines (0: as many as there are processes) of at most ``width`` columns."""
    width = max(width, LEAST_WIDTH)
    chosen = select(snapshot.tasks, wish, screen)
    head = _head(snapshot, wish, chosen, course, screen, width)
    table = shown(width)
    rows = max(height - len(head) - 1, 0) if height else len(chosen)
    body = [_row(task, table, screen, width) for task in chosen[wish.offset : wish.offset + rows]]
    titles = (_cells([column.title for column in table], table, screen, width), "head")
    return [(screen.fit(text, width).rstrip(), role) for text, role in (*head, titles, *body)]


def select(tasks: Sequence[Task], wish: Wish, screen: Screen) -> list[Task]:
    """The processes to show, in their order."""
    by = next(column for column in shown(1 << 30) if column.name == wish.sort)
    needle = wish.needle.lower()
    some = [
        task
        for task in tasks
        if (wish.kernel or not task.kernel)
        and (
            not needle or needle in f"{task.pid} {_label(task, screen)} {screen.text(task.command_line or b'')}".lower()
        )
    ]
    return ordered(some, by, wish.turned)


def _head(
    snapshot: Snapshot, wish: Wish, chosen: Sequence[Task], course: Course | None, screen: Screen, width: int
) -> list[Line]:
    at = snapshot.at
    boot = f"  boot {at.boot}/{snapshot.boots}" if snapshot.boots > 1 else ""
    clock = "clock not set" if at.wall_ns is None else f"{units.stamp(at)} UTC"
    when = f"{clock}  up {units.clock(at.uptime_ms)}{boot}  sample {snapshot.sample:,}/{snapshot.samples:,}"
    load = NOTHING if snapshot.load is None else " ".join(f"{value:.2f}" for value in snapshot.load)
    own = [task for task in snapshot.tasks if not task.kernel]
    counted = [f"{len(own)} processes", f"load {load}", f"CPU {_percent(snapshot.cpu_share)}"]
    if snapshot.lost or snapshot.untracked:
        counted.append(f"{snapshot.lost + snapshot.untracked} more not known")
    found: list[Line] = [(f"{when}  {wish.title}", "head"), (", ".join(counted), ""), (_stalls(snapshot), "")]
    if snapshot.pressure:
        found.append(("MEMORY PRESSURE: the agent samples more often", "bad"))
    memory = snapshot.memory
    available = f"{units.size(memory.available)} available" if memory.available is not None else ""
    told = f"{units.size(memory.used)} of {units.size(memory.total)} used"
    found.append(
        (_bar("Mem", memory.used, memory.total, ", ".join(filter(None, (told, available))), screen, width), "")
    )
    if memory.swap_total:
        told = f"{units.size(memory.swap_used)} of {units.size(memory.swap_total)} used"
        found.append((_bar("Swap", memory.swap_used, memory.swap_total, told, screen, width), ""))
    found.append((_parts(memory), ""))
    if course is not None and course.highest:
        found += _course(course, screen)
    if wish.needle:
        found.append((f'only "{screen.text(wish.needle)}": {len(chosen)} of {len(own)}', ""))
    return [*found, ("", "")]


def _stalls(snapshot: Snapshot) -> str:
    """The share of the time that tasks waited for memory and the like, and that all of them did."""
    told = [
        f"{stall.resource} {_percent(stall.some)}" + (f" (all {_percent(stall.full)})" if stall.full else "")
        for stall in snapshot.stalls
    ]
    return f"{'Stall':{LABEL}}{', '.join(told) or f'memory {NOTHING}'}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else units.percent(share)


def _bar(label: str, part: int | None, whole: int | None, told: str, screen: Screen, width: int) -> str:
    """Used of total, with a bar as long as there is room."""
    room = max(width - LABEL - width_of(told) - 4, 8)
    if part is None or not whole or whole < 0:
        return f"{label:{LABEL}}{told}"
    filled = round(min(part / whole, 1) * room)
    full, empty = ("█", "░") if screen.unicode else ("#", ".")
    return f"{label:{LABEL}}{full * filled}{empty * (room - filled)}  {told}"


def _parts(memory: Memory) -> str:
    slab = None
    if memory.slab_reclaimable is not None and memory.slab_unreclaimable is not None:
        slab = memory.slab_reclaimable + memory.slab_unreclaimable
    files = None
    if memory.cached is not None:
        files = memory.cached + (memory.buffers or 0) - (memory.shmem or 0)
    parts = (("free", memory.free), ("anon", memory.anon), ("files", files), ("shmem", memory.shmem), ("slab", slab))
    return " " * LABEL + ", ".join(f"{name} {NOTHING if value is None else units.size(value)}" for name, value in parts)


def _course(course: Course, screen: Screen) -> list[Line]:
    """A sparkline, and below it where one is, K for OOM kills and m for marks."""
    below = [" "] * len(course.cells)
    for places, sign in ((course.marks, "m"), (course.kills, "K"), ([course.here], "^")):
        for place in places:
            below[place] = sign
    curve = screen.spark(course.cells, 0, course.highest)
    told = f"{'Avail':{LABEL}}{curve}  0 to {units.size(course.highest)}"
    return [(told, ""), (" " * LABEL + "".join(below), "bad" if course.kills else "dim")]


def _label(task: Task, screen: Screen) -> str:
    return screen.text(task.program)


def _row(task: Task, table: Sequence[Column], screen: Screen, width: int) -> Line:
    cells = [_label(task, screen) if column is NAME else column.cell(task) for column in table]
    return _cells(cells, table, screen, width), "bad" if task.oom_rank == 1 else ""


def _cells(cells: Sequence[str], table: Sequence[Column], screen: Screen, width: int) -> str:
    """Numbers to the right; the name gets what room is left."""
    room = max(width - sum(column.width for column in table) - 1, 6)
    return "".join(
        " " + screen.fit(cell, room) if column is NAME else f"{cell:>{column.width}}"
        for cell, column in zip(cells, table, strict=True)
    )
