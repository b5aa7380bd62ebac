"""All measurements, by name: what each yields, what it needs, and where it must run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.figure import Row
from benchmarks.plan import Plan


@dataclass(frozen=True, slots=True)
class Measurement:
    """``rows`` are the names of its rows as --only takes them; ``module`` has ``run(plan)``."""

    module: str
    rows: tuple[str, ...]
    peers: tuple[str, ...] = ()
    isolated: bool = True
    quiet: bool = False  # what others do to the machine must not put the agent into its pressure mode
    agents: bool = True  # needs bytecode trees

    def run(self, plan: Plan) -> list[Row]:
        """Measure, in this process. Imports its module now: a mistake in one must not stop the others."""
        run: Callable[[Plan], list[Row]] = import_module(f"benchmarks.{self.module}").run
        return run(plan)


MEASUREMENTS = (
    Measurement("recording", ("bytes", "cpu"), ("atop",), quiet=True),
    Measurement("memory", ("memory",), ("nohang", "atop")),
    Measurement("growth", ("growth",), quiet=True),
    Measurement("syscalls", ("syscalls",), ("strace",)),
    Measurement("flash", ("flash",), ("atop",), quiet=True),
    Measurement("decode", ("decode",), isolated=False, agents=False),
)
NAMES = tuple(name for measurement in MEASUREMENTS for name in measurement.rows)
MODULES = "modules"  # tables of its own, only when asked for
