"""The device's modules in a folder of their own, for Nuitka: nothing of the laptop, nothing that only checkers read."""

from __future__ import annotations

import ast
from pathlib import Path

from firmware import bytecode

# Of posix, by importlib of 3.11 to 3.14.
IMPORT_SYSTEM_USES = {"environ", "fspath", "getcwd", "listdir", "stat"}
POSIX_NAMES = "POSIX_NAMES: tuple[str, ...] = ()"  # in a main file: what the agent uses of posix, filled in here
MAIN = Path(__file__).with_name("program.py")


def without_type_checking(source: str) -> str:
    """The source with the lines of ``if TYPE_CHECKING:`` empty; all others keep their numbers, for tracebacks."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            first, last = node.lineno - 1, node.end_lineno
            assert last and not node.orelse
            indent = lines[first][: node.col_offset]
            lines[first:last] = [indent + "pass" if at == first else "" for at in range(first, last)]
    return "\n".join(lines)


def stage(folder: Path, main: Path = MAIN) -> Path:
    """Write what is compiled, and the main file, below ``folder``; returns the main file."""
    cold = cold_modules()
    for source in bytecode.device_modules():
        if module_name(source) not in cold:
            target = folder / source.relative_to(bytecode.SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(without_type_checking(source.read_text()))
    text = without_type_checking(main.read_text())
    names = bytecode.posix_names([main, *bytecode.device_modules()]) | IMPORT_SYSTEM_USES
    copy = folder / "main.py"
    copy.write_text(text.replace(POSIX_NAMES, f"POSIX_NAMES = {tuple(sorted(names))}"))
    return copy


def module_name(source: Path) -> str:
    """The name by which a source is imported."""
    parts = source.relative_to(bytecode.SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def cold_modules() -> list[str]:
    """The modules that are loaded for a moment only, or by other commands than ``run``: they stay bytecode."""
    hot = bytecode.in_order(bytecode.HOT_ROOT)
    sources = [source for source in bytecode.device_modules() if source.name != "__init__.py"]
    return sorted(name for name in map(module_name, sources) if name not in hot)
