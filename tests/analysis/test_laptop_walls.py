"""The wall on the laptop's side: what understands recordings knows nothing of how they are shown, nor of the agent."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "agent" / "lastgasp"
MAY_IMPORT = {
    "timeline": {"timeline", "ring"},
    "analysis": {"analysis", "timeline"},
    "report": {"report", "analysis", "timeline"},
}


def imported(path: Path) -> Iterator[str]:
    """The packages of ours that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            first, _, rest = name.partition(".")
            if first == "lastgasp" and rest:
                yield rest.partition(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_lies_before_it(package: str) -> None:
    for path in (SOURCE / package).glob("*.py"):
        assert set(imported(path)) <= MAY_IMPORT[package], path.name
