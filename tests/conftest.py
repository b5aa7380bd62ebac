"""What all tests share: counts that are worth telling appear at the end of the run, also from parallel workers."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clocked import Machine
from fake_proc import FakeProc
from taped import Taped

COUNTED = "counted: "

# A shell without job control has what it starts with "&" ignore it, and so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what tests recorded as ``record_property("counted: THINGS", number)``."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name.startswith(COUNTED):
                totals[name.removeprefix(COUNTED)] += value
    for name, value in sorted(totals.items()):
        terminalreporter.write_line(f"{value} {name}")


@pytest.fixture
def taped() -> Taped:
    """A recording in the making."""
    return Taped()


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    """A /proc to write."""
    return FakeProc(tmp_path / "root")


@pytest.fixture
def machine(tmp_path: Path, fake: FakeProc) -> Iterator[Machine]:
    """Makes agents on one ring, and ends them."""
    made = Machine(tmp_path, fake)
    yield made
    for clocked in made.made:
        clocked.end()
