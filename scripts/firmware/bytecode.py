"""The device's modules as bytecode: which they are, and what is taken away from them.

What goes is what only people and type checkers read: docstrings, annotations and assertions, the positions of
source lines. ``scripts/build-bytecode`` writes the modules as files, ``firmware.tiny`` freezes them into a program. The
code is that of the Python that runs this; another version cannot load it.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType

SOURCE = Path(__file__).resolve().parents[2] / "agent"
DEVICE_PACKAGES = ("proc", "ring", "recorder")
LAPTOP_MODULES = ("ring/definition.py", "ring/parts.py", "ring/payload.py", "ring/scan.py", "ring/source.py")
HOT_ROOT = "lastgasp.recorder.agent"
# Where newer CPythons find the number of a name, at each call (seen with 3.13.15; 3.13.0 knew it without).
LOOKED_UP = {
    "confstr": "confstr_names",
    "fpathconf": "pathconf_names",
    "pathconf": "pathconf_names",
    "sysconf": "sysconf_names",
}


class Strip(ast.NodeTransformer):
    """Removes what only people and type checkers read."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Annotations of parameters and results; the docstring goes with optimize=2."""
        self.generic_visit(node)
        node.returns = None
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            argument.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """``x: int = 1`` becomes ``x = 1``; ``x: int`` goes."""
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """``if TYPE_CHECKING:`` goes."""
        self.generic_visit(node)
        return None if is_type_checking(node) else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """So does ``TYPE_CHECKING = False``."""
        target = node.targets[0]
        return None if isinstance(target, ast.Name) and target.id == "TYPE_CHECKING" else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """And imports from ``__future__``."""
        return None if node.module == "__future__" else node


class Start(Strip):
    """Also fills in POSIX_NAMES."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Its value."""
        if isinstance(node.target, ast.Name) and node.target.id == "POSIX_NAMES":
            node.value = ast.Tuple([ast.Constant(name) for name in sorted(self.names)], ast.Load())
        return super().visit_AnnAssign(node)


def is_type_checking(node: ast.stmt) -> bool:
    """Is this a block that only type checkers enter?"""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def without_positions(code: CodeType) -> CodeType:
    """Drop line tables and qualified names; tracebacks keep file and function names."""
    constants = tuple(without_positions(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=constants, co_linetable=b"", co_qualname=code.co_name)


def compile_stripped(path: Path, name: str, strip: Strip | None = None) -> CodeType:
    """The code of a module."""
    tree = ast.fix_missing_locations((strip or Strip()).visit(ast.parse(path.read_text())))
    return without_positions(compile(tree, name, "exec", optimize=2, dont_inherit=True))


def write_pyc(target: Path, code: CodeType) -> None:
    """A .pyc file that is never checked against a source (PEP 552, unchecked hash)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8) + marshal.dumps(code))


def path_of(module: str) -> Path:
    """The source of a module or package."""
    path = SOURCE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def is_module(name: str) -> bool:
    """Is there such a module of ours?"""
    return name.startswith("lastgasp") and path_of(name).is_file()


def top_imports(module: str) -> Iterator[str]:
    """Modules of ours that a module imports when it is loaded, the packages around it first."""
    parts = module.split(".")
    yield from (".".join(parts[:i]) for i in range(1, len(parts)))
    for node in ast.parse(path_of(module).read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in [node.module, *names] if is_module(name))


def in_order(module: str, seen: dict[str, None] | None = None) -> dict[str, None]:
    """A module behind all that it needs, as the keys of a dict."""
    seen = {} if seen is None else seen
    if module not in seen:
        for other in top_imports(module):
            if other not in seen:
                in_order(other, seen)
        seen[module] = None
    return seen


def device_modules() -> Iterator[Path]:
    """The sources of all that runs on a device."""
    for path in [SOURCE / "lastgasp/__init__.py", *SOURCE.glob("lastgasp/*/*.py")]:
        relative = path.relative_to(SOURCE / "lastgasp")
        if relative.parts[0] in (*DEVICE_PACKAGES, "__init__.py") and str(relative) not in LAPTOP_MODULES:
            yield path


def posix_names(paths: Iterable[Path]) -> set[str]:
    """What these sources use of ``posix``, as ``posix.NAME``, and what that looks up there itself."""
    used = {
        node.attr
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "posix"
    }
    return used | {LOOKED_UP[name] for name in used if name in LOOKED_UP}
