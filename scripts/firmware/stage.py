"""The device's modules in a folder of their own, for Nuitka: nothing of the laptop, nothing that only checkers read."""

from __future__ import annotations

import ast
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[1]
POSIX_NAMES = "POSIX_NAMES: tuple[str, ...] = ()"  # in a main file: what the agent uses of posix, filled in here
MAIN = Path(__file__).with_name("program.py")


def bytecode_script() -> Any:
    """scripts/build-bytecode as a module: it knows what runs on a device."""
    loader = SourceFileLoader("build_bytecode", str(SCRIPTS / "build-bytecode"))
    spec = spec_from_loader("build_bytecode", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


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
    """Write the modules and the main file below ``folder``, which is empty; returns the main file."""
    script = bytecode_script()
    for source in script.device_modules():
        target = folder / source.relative_to(script.SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(without_type_checking(source.read_text()))
    text = without_type_checking(main.read_text())
    names = script.IMPORT_SYSTEM_USES | script.posix_names([main, *script.device_modules()])
    copy = folder / "main.py"
    copy.write_text(text.replace(POSIX_NAMES, f"POSIX_NAMES = {tuple(sorted(names))}"))
    return copy


def cold_modules() -> list[str]:
    """The modules that are loaded for a moment only, or by other commands than ``run``."""
    script = bytecode_script()
    hot = script.in_order(script.HOT_ROOT)
    parts = (source.relative_to(script.SOURCE).with_suffix("").parts for source in script.device_modules())
    names = (".".join(name) for name in parts if name[-1] != "__init__")
    return sorted(name for name in names if name not in hot)
