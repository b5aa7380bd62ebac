"""What all tests share: counts that are worth telling appear at the end of the run, also from parallel workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

COUNTED = "counted: "


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what tests recorded as ``record_property("counted: THINGS", number)``."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name.startswith(COUNTED):
                totals[name.removeprefix(COUNTED)] += value
    for name, value in sorted(totals.items()):
        terminalreporter.write_line(f"{value} {name}")
