"""The wall: what runs on the device imports neither the laptop's packages nor the heavy modules of the library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[2] / "agent"
DEVICE = ("proc", "ring", "recorder")
LAPTOP_FILES = {"ring/definition.py", "ring/parts.py", "ring/payload.py", "ring/scan.py", "ring/source.py"}

# Built into the interpreter or small C modules; what each costs is in the benchmark's module table. _tiny is ours, of
# scripts/firmware/tiny/main.c.
ALLOWED = {
    "_ctypes", "_signal", "_socket", "_struct", "_tiny", "binascii", "posix", "select", "sys", "time", "zlib",
    "__future__",
}  # fmt: skip
MAY_IMPORT = {
    "proc": {"proc"},
    "ring": {"ring"},
    "oom": {"oom"},
    "recorder": {"proc", "ring", "recorder"},
    "pull": {"pull", "ring"},
    "timeline": {"timeline", "ring"},
    "analysis": {"analysis", "timeline", "oom"},
    "report": {"report", "analysis", "timeline", "oom"},
}


def imports(path: Path, with_type_checking: bool = False) -> Iterator[str]:
    """Every module that a file imports at run time, also inside functions."""

    def walk(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = child.module or ""
                yield module
                if module.count(".") < 2 and module.startswith("lastgasp"):
                    yield from (f"{module}.{alias.name}" for alias in child.names)
            yield from walk(child)

    yield from walk(ast.parse(path.read_text()))


def sources(package: str) -> list[Path]:
    return sorted((AGENT / "lastgasp" / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_stands_before_it(package: str) -> None:
    for path in sources(package):
        for module in imports(path):
            parts = module.split(".")
            if parts[0] == "lastgasp" and len(parts) > 1 and parts[1][0] != "_":
                assert parts[1] in MAY_IMPORT[package], f"{path.name} imports {module}"


def test_of_the_commands_only_those_of_their_room_reach_other_devices() -> None:
    """The command line itself knows of ``pull`` only what can go wrong there."""
    for path in sources("cli"):
        if path.parent.name != "pulling":
            reached = {module for module in imports(path) if module.startswith("lastgasp.pull")}
            known = {"lastgasp.pull", "lastgasp.pull.PullError", "lastgasp.pull.PullUsage"}
            assert reached <= (known if path.name == "main.py" else set()), path.name


def test_no_modules_import_one_another_in_a_circle() -> None:
    """Neither at once nor inside functions."""
    root = AGENT / "lastgasp"
    names = {".".join(path.relative_to(AGENT).with_suffix("").parts): path for path in root.rglob("*.py")}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    needs = {name: {module for module in imports(path) if module in names} - {name} for name, path in names.items()}
    while leaves := {name for name, others in needs.items() if not others}:
        needs = {name: others - leaves for name, others in needs.items() if name not in leaves}
    assert needs == {}


@pytest.mark.parametrize("package", DEVICE)
def test_the_device_imports_nothing_heavy(package: str) -> None:
    for path in sources(package):
        if str(path.relative_to(AGENT / "lastgasp")) in LAPTOP_FILES:
            continue
        for module in imports(path):
            if not module.startswith("lastgasp"):
                assert module in ALLOWED, f"{path.name} imports {module}"


def test_the_running_agent_has_no_other_modules_than_these() -> None:
    """The written budget of imports, asked of the interpreter itself."""
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(AGENT)!r})\n"
        "before = set(sys.modules)\n"
        "from lastgasp.recorder import agent, main\n"
        "print(*sorted(m for m in set(sys.modules) - before if not m.startswith('lastgasp')))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-E", "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"_socket", "_struct", "select", "zlib"}


def test_modules_used_once_are_not_kept() -> None:
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(AGENT)!r})\n"
        "from lastgasp.recorder import once\n"
        "module = once.load('recorder.status')\n"
        "print('lastgasp.recorder.status' in sys.modules, hasattr(module, 'render'))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-E", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
