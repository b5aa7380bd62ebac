"""What a compiler on another machine would take for a constant is not in the device's sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from firmware import bytecode

# Of sys: what differs between the host that compiles and the device, or what Nuitka sets to the host's.
OF_THE_HOST = {
    "abiflags", "api_version", "base_exec_prefix", "base_prefix", "builtin_module_names", "byteorder", "exec_prefix",
    "executable", "float_info", "hash_info", "hexversion", "implementation", "int_info", "maxsize", "maxunicode",
    "path", "platlibdir", "prefix", "stdlib_module_names", "thread_info", "version", "version_info",
}  # fmt: skip
SOURCES = {str(path.relative_to(bytecode.SOURCE)): path for path in bytecode.device_modules()}


def folded(source: str) -> Iterator[str]:
    """What this source has of that kind."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            if node.attr in OF_THE_HOST:
                yield f"line {node.lineno}: sys.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "sys":
            yield f"line {node.lineno}: from sys import"
        elif isinstance(node, ast.Name) and node.id in ("__file__", "__compiled__", "__nuitka_binary_dir"):
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.LShift)) and too_large(node):
            yield f"line {node.lineno}: a constant that a 32-bit machine cannot hold"


def too_large(node: ast.BinOp) -> bool:
    """A sequence or number out of constants alone that does not fit into 32-bit memory."""
    if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
        count = node.right.value
        return isinstance(node.left.value, str | bytes) and isinstance(count, int) and count >= 1 << 24
    return False


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_of_the_device_uses_nothing_of_the_host(name: str) -> None:
    assert list(folded(SOURCES[name].read_text())) == []


def test_what_is_looked_for_is_found() -> None:
    source = "import sys\nx = sys.maxsize\nfrom sys import byteorder\ny = b'a' * 99999999\nz = __file__\n"
    assert sorted(line.partition(":")[0] for line in folded(source)) == ["line 2", "line 3", "line 4", "line 5"]
