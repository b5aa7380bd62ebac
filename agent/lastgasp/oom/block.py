"""A report in the making: what the readers of its lines share. ``parser`` decides which lines it gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from lastgasp.oom.log import Line
from lastgasp.oom.report import Memcg, Report, Victim

MOST_UNKNOWN = 20
MOST_TASKS = 16_384
MOST_ROWS = 1_024  # of anything else: zones, caches, statistics, victims


class Section(IntEnum):
    """What the report tells at the moment; lines whose shape is common count only where they belong."""

    HEAD = 0  # who asked, and the way there
    MEMORY = 1
    SLAB = 2
    MEMCG = 3
    TASKS = 4
    END = 5


@dataclass(slots=True)
class Block:
    """One report, and where in it we are."""

    report: Report
    caller: bytes | None = None
    host: bytes | None = None
    prefixed: bool = False  # its lines have the kernel's clock, so those without are somebody else's
    said: tuple[bytes, int | None] = (b"", None)  # the line that it began with, later that which ended it
    section: Section = Section.HEAD
    columns: tuple[bytes, ...] | None = None
    rows: set[int] = field(default_factory=set)  # of the table: pids
    anothers: bool = False  # the line read last is of another report, whose beginning was lost
    row_line: int = 0  # the last row of the table: how many lines were read with it
    held: bytes | None = None  # a line that goes on in the next
    asked: tuple[int, bytes, int, bytes] | None = None  # "Kill process": pid, name, score, what stood before
    uptime_us: int | None = None  # of the last line that was its own
    last_line: int = 0  # that was its own
    lines: int = 0  # until now; the report counts them until the last that was its own
    known_unknown: int = 0  # of the unknown ones, how many stood before that
    quiet: int = 0  # lines since then
    finished: bool = False

    def excludes(self, line: Line) -> bool:
        """Whether this line is surely of another machine, or of another caller."""
        return _differ(self.host, line.host) or _differ(self.caller, line.caller)

    def of_host(self, line: Line) -> bool:
        """Whether this line may be of the same machine."""
        return not _differ(self.host, line.host)

    def memcg(self, **values: object) -> None:
        """Learn something of the control group."""
        self.report.memcg = replace(self.report.memcg or Memcg(), **values)  # type: ignore[arg-type]

    def victim(self, victim: Victim) -> None:
        """Add a victim; the kernel prints some twice."""
        victims = self.report.victims
        for index, known in enumerate(victims[:MOST_ROWS]):
            if known.pid == victim.pid:
                if known.total_vm_kb is None:
                    victims[index] = victim
                return
        if len(victims) < MOST_ROWS:
            victims.append(victim)


def _differ(one: bytes | None, other: bytes | None) -> bool:
    return one is not None and other is not None and one != other
