"""The modules that a compiled agent keeps as bytecode, as C: a table for PyImport_FrozenModules.

    PYTHON frozen.py FILE.c MODULE...

PYTHON has to be of the device's minor version. These modules are loaded for a moment only, or by other commands than
``run``. Compiled they would stay for good: their constants are never given back, and what outlives its module (a
class, once the module is dropped) would use memory that is somebody else's by then, for a compiled function does not
hold its module. Nuitka has a way of its own to keep bytecode, which loses the code at each load (32 kB per question to
the agent, measured).
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from firmware import bytecode

HEAD = "#include <Python.h>\n"
PER_LINE = 32


def table(names: list[str]) -> Iterator[str]:
    """The C file, in pieces."""
    yield HEAD
    rows = ""
    for number, name in enumerate(names):
        code = marshal.dumps(bytecode.compile_stripped(bytecode.path_of(name), name.rpartition(".")[2]))
        yield f"static const unsigned char code_{number}[] = {{\n"
        yield from (",".join(map(str, code[at : at + PER_LINE])) + ",\n" for at in range(0, len(code), PER_LINE))
        yield "};\n"
        rows += f'    {{.name = "{name}", .code = code_{number}, .size = {len(code)}}},\n'
    yield f"const struct _frozen lastgasp_frozen[] = {{\n{rows}    {{0}},\n}};\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("".join(table(sys.argv[2:])))
