"""What a memory budget says: TOML in, a ``Budget`` out; ``cli/memory-budget.toml`` explains every key to its writer.

Unknown keys are errors: a budget that is misspelt is one that nobody checks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

from lastgasp.analysis.budget import units
from lastgasp.analysis.budget.units import Rate

AT_LEAST_MS = 600_000
COMM = 15  # the kernel keeps so many bytes of a name


class BudgetError(Exception):
    """Not a budget; str() is the line to show, without the file's name."""


@dataclass(frozen=True, slots=True)
class ProcessBudget:
    """What the processes of one name may take together. None: not limited."""

    pattern: str  # of program names: * and ? match
    required: bool = False
    steady: int | None = None  # bytes
    peak: int | None = None  # bytes
    growth: Rate | None = None
    threads: int | None = None
    open_files: int | None = None

    @property
    def exact(self) -> bool:
        """Is it for one name and no other?"""
        return not any(c in self.pattern for c in "*?[")

    def fits(self, name: bytes) -> bool:
        """Whether it is for a program. A longer name than the kernel keeps matches what is left of it."""
        pattern = self.pattern.encode(errors="surrogateescape")
        return fnmatchcase(name, pattern) or (self.exact and len(pattern) > COMM and name == pattern[:COMM])


@dataclass(frozen=True, slots=True)
class SystemBudget:
    """What the machine as a whole has to keep. None: not limited."""

    available_floor: int | None = None  # bytes of MemAvailable, at every sample
    unexplained_growth: Rate | None = None
    slab: int | None = None  # bytes of unreclaimable slab, at every sample
    oom_kills: int | None = None
    reboots: int | None = None
    stall: float | None = None  # share of the time, 0 to 1
    flash_per_day: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Budget:
    """One file."""

    at_least_ms: int = AT_LEAST_MS  # what is recorded of less says nothing
    system: SystemBudget = field(default_factory=SystemBudget)
    processes: tuple[ProcessBudget, ...] = ()  # in the order of the file


Reader = Callable[[object], object]
RECORDING: dict[str, Reader] = {"at_least": units.time_ms}
SYSTEM: dict[str, Reader] = {
    "available_floor": units.size,
    "unexplained_growth": units.rate,
    "slab": units.size,
    "oom_kills": units.count,
    "reboots": units.count,
    "stall": units.share,
    "flash_per_day": units.per_day,
}
PROCESS: dict[str, Reader] = {
    "required": units.flag,
    "steady": units.size,
    "peak": units.size,
    "growth": units.rate,
    "threads": units.count,
    "open_files": units.count,
}
TABLES = ("recording", "system", "process")


def parse(text: str) -> Budget:
    """The budget that a file's text is. Raises BudgetError."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BudgetError(f"not TOML: {error}") from None
    _known(tables, TABLES, "a table")
    recording = _read(tables.get("recording", {}), RECORDING, "recording")
    system = _read(tables.get("system", {}), SYSTEM, "system")
    if system.get("unexplained_growth") is not None:
        _absolute(system["unexplained_growth"])
    processes = []
    for pattern, table in _table(tables.get("process", {}), "process").items():
        if not pattern:
            raise BudgetError('process."": wants the name of a program, or a pattern such as "web*"')
        found = _read(table, PROCESS, f"process.{_key(pattern)}")
        exact = ProcessBudget(pattern).exact
        processes.append(ProcessBudget(pattern, **{"required": exact, **found}))  # type: ignore[arg-type]
    budget = Budget(
        int(str(recording.get("at_least", AT_LEAST_MS))),
        SystemBudget(**system),  # type: ignore[arg-type]
        tuple(processes),
    )
    if not system and not processes:
        raise BudgetError("limits nothing: wants a [system] or a [process.NAME] table; lastgasp check --example")
    return budget


def _read(table: object, readers: Mapping[str, Reader], where: str) -> dict[str, object]:
    found = {}
    values = _table(table, where)
    _known(values, readers, where)
    for key, value in values.items():
        try:
            found[key] = readers[key](value)
        except ValueError as error:
            raise BudgetError(f"{where}.{key} = {_shown(value)}: wants {error}") from None
    return found


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BudgetError(f"{where} = {_shown(value)}: wants a table, [{where}]")
    return value


def _known(keys: Iterable[str], allowed: Iterable[str], where: str) -> None:
    allowed = list(allowed)
    for key in keys:
        if key not in allowed:
            near = get_close_matches(key, allowed, 1)
            meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(allowed)}"
            name = f"[{_key(key)}]" if where == "a table" else f"{where}.{_key(key)}"
            raise BudgetError(f"{name}: unknown; {meant}")


def _absolute(rate: object) -> None:
    if isinstance(rate, Rate) and rate.bytes_per_h is None:
        raise BudgetError('system.unexplained_growth: wants bytes in a time ("500 kB/h"), not a share')


def _key(name: str) -> str:
    """As it stands in a TOML file."""
    bare = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    return name if bare else f'"{name}"'


def _shown(value: object) -> str:
    """A value as TOML writes it, no longer than a line holds."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    if isinstance(value, str):
        text = f'"{value}"'
    return text if len(text) <= 40 else text[:39] + "…"
