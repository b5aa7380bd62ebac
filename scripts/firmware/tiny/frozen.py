"""The table of frozen modules, as C: our start of the interpreter, then the agent.

    PYTHON frozen.py FILE.c [MAIN]

MAIN takes the place of inside/start.py, for tests.
PYTHON has to be of the minor version that the program gets, whose bytecode it is. The code is not CPython's own way to
freeze: no deepfreeze (0.6 MB of memory), no docstrings, annotations, assertions and positions.
"""

from __future__ import annotations

import ast
import marshal
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from firmware import bytecode

INSIDE = Path(__file__).with_name("inside")
BOOTSTRAP = "_frozen_importlib"
OURS = {BOOTSTRAP: "importer.py", "encodings": "encodings.py", "io": "io.py", "start": "start.py"}
BUILT_IN = (
    *("_imp", "_signal", "_socket", "_struct", "_tiny", "binascii", "builtins", "posix", "select", "sys", "time"),
    "zlib",
)
"""The modules in C; main.c has the same list."""
# What struct _frozen and the rest of frozen.c are, 3.11 to 3.14.
TAIL = """\
static const struct _frozen none[] = {{0}};
static const struct {const char *name, *orig;} no_alias[] = {{0}};
const struct _frozen *_PyImport_FrozenBootstrap = bootstrap;
const struct _frozen *_PyImport_FrozenStdlib = modules;
const struct _frozen *_PyImport_FrozenTest = none;
const struct _frozen *PyImport_FrozenModules = NULL;
const struct _module_alias *_PyImport_FrozenAliases = (const void *)no_alias;
#if PY_VERSION_HEX < 0x030D0000
int _Py_Deepfreeze_Init(void) { return 0; }
void _Py_Deepfreeze_Fini(void) {}
#endif
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
uint32_t _Py_next_func_version = 1;
#endif
"""


def sources() -> dict[str, Path]:
    """The modules that are frozen in, by name."""
    found = {name: INSIDE / file for name, file in OURS.items()}
    for path in bytecode.device_modules():
        parts = path.relative_to(bytecode.SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def table(modules: dict[str, Path]) -> Iterator[str]:
    """frozen.c, in pieces."""
    names = bytecode.posix_names([*modules.values()])
    rows = {True: "", False: ""}
    yield "#include <Python.h>\n"
    for number, (name, path) in enumerate(modules.items()):
        strip = bytecode.Start(names) if name == "start" else None
        code = marshal.dumps(bytecode.compile_stripped(path, f"<{name}>", strip))
        yield f"static const unsigned char m{number}[] = {{{','.join(map(str, code))}}};\n"
        row = f'    {{"{name}", m{number}, {len(code)}, {int(path.name == "__init__.py")}}},\n'
        rows[name == BOOTSTRAP] += row
    yield f"static const struct _frozen bootstrap[] = {{\n{rows[True]}    {{0}}}};\n"
    yield f"static const struct _frozen modules[] = {{\n{rows[False]}    {{0}}}};\n"
    yield TAIL


def imports(path: Path) -> set[str]:
    """What a module imports when it runs, wherever in it; not what only type checkers import."""
    tree = bytecode.Strip().visit(ast.parse(path.read_text()))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


if __name__ == "__main__":
    chosen = sources()
    if len(sys.argv) > 2:
        chosen["start"] = Path(sys.argv[2])
    Path(sys.argv[1]).write_text("".join(table(chosen)))
