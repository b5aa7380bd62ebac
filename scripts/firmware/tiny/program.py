"""The steps from the agent's and CPython's sources to one static program.

1. ask the compiler what it is for; find the CPython tree, a Python of its version to build with, a zlib
2. make a libpython of what the agent needs
3. freeze the agent's modules
4. link them with a main() of ours, statically and not position-independent: nothing of it has to be relocated
5. check that it is for that processor, static, and says nothing of this host
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import subprocess
from pathlib import Path

from bed.errors import BedError
from bed.packages import Archive
from firmware import build as compiled
from firmware import check, stage, targets
from firmware.errors import BuildError, Unavailable
from firmware.targets import Target
from firmware.tiny import library, source
from firmware.tiny.library import Library, Tools, Zlib

HERE = Path(__file__).parent
PT_INTERP = 3
LINK = (
    "-static",
    "-no-pie",
    "-s",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--allow-multiple-definition",  # absent.c comes first
    "-Wl,-z,norelro",
    "-Wl,-z,noseparate-code",
    "-Wl,-z,noexecstack",
)


def build(order: compiled.Order, python_source: Path, zlib_source: Path | None = None) -> Path:
    """Build one static program; returns its path. Raises BuildError.

    ``python_source`` is a CPython source tree or its tarball, 3.11 to 3.14; ``order.python`` a Python of the same minor
    version on this host (default: ``python3.X`` of PATH), nothing more. zlib is made of ``zlib_source``, or found as
    libz.a in ``order.sysroot``, or in that of ``order.compiler``; where neither is given it is Debian's. CFLAGS and
    LDFLAGS of the environment are added.
    """
    compiler = list(order.compiler)
    if not compiler:
        if order.arch is None:
            raise BuildError("which processor? Give --arch or --cc")
        compiler = list(targets.TARGETS[order.arch].compiler)
        if shutil.which(compiler[0]) is None:
            package = targets.TARGETS[order.arch].package
            raise Unavailable(f"{compiler[0]} is not installed; on Debian: apt-get install {package}")
    target = targets.target_of(compiler, order.arch)
    flags = [tuple(shlex.split(os.environ.get(name, ""))) for name in ("CFLAGS", "LDFLAGS")]
    tools = Tools(tuple(compiler), target, flags[0], flags[1], order.jobs)
    output = (order.output or Path(f"lastgasp-agent-{target.name}")).absolute()
    with compiled._folder(order.keep) as folder:
        tree = source.find(python_source, folder / "source")
        python = host_python(order.python, tree.version)
        if zlib_source:
            zlib = library.make_zlib(zlib_source.resolve(), tools, folder / "zlib")
        elif order.sysroot:
            zlib = library.find_zlib(order.sysroot.resolve(), target)
        elif order.compiler:
            zlib = library.compilers_zlib(tools)
        else:
            zlib = library.find_zlib(debian_zlib(target), target)
        made = library.make_python(tree, python, tools, zlib, folder / "python")
        program = folder / "program"
        link(program, python, made, zlib, tools, [] if order.main == stage.MAIN else [order.main.resolve()])
        check_program(program, target, [str(folder), str(tree.folder), str(zlib.library.parent)])
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, output)
    return output


def host_python(given: str | None, version: str) -> str:
    """An interpreter of this minor version, as an absolute path. Raises BuildError."""
    name = given or f"python{version}"
    path = shutil.which(name)
    if path is None:
        raise BuildError(f"{name}: not found; a Python {version} of this host is needed: give it with --python")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"Python (\d+\.\d+)\.", done.stdout)
    if not found or found[1] != version:
        raise BuildError(f"{name} is {done.stdout.strip() or 'no Python'}; the sources are those of {version}")
    return str(Path(path).absolute())


def debian_zlib(target: Target) -> Path:
    """Where Debian's package of a static zlib is unpacked. Raises Unavailable."""
    try:
        return Archive(compiled.CACHE, "bookworm", target.debian).package("zlib1g-dev")
    except BedError as error:
        raise Unavailable(str(error)) from None


def link(program: Path, python: str, made: Library, zlib: Zlib, tools: Tools, start: list[Path]) -> None:
    """Freeze the modules, with another ``start`` if there is one, and link them. Raises BuildError."""
    folder = program.parent
    table = folder / "frozen.c"
    library.run([python, "-I", "-S", "-B", str(HERE / "frozen.py"), str(table), *map(str, start)], folder)
    includes = [f"-I{path}" for path in made.includes]
    objects = []
    for path, more in ((HERE / "main.c", includes), (HERE / "absent.c", ["-fno-builtin"]), (table, includes)):
        objects.append(folder / f"{path.stem}.o")
        tools.compile(path, objects[-1], *more)
    libraries = [str(made.archive), str(zlib.library), "-lm", "-lpthread"]
    words = [*tools.compiler, *tools.cflags, *tools.ldflags, *LINK, *map(str, objects), *libraries, "-o", str(program)]
    library.run(words, folder)


def check_program(program: Path, target: Target, host_paths: list[str]) -> None:
    """Raises BuildError when the program is for another machine, not static, or names one of ``host_paths``."""
    check.check(program, target, host_paths)
    data = program.read_bytes()
    wide = data[4] == 2
    start = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<2H", data, 54 if wide else 42)
    kinds = {struct.unpack_from("<I", data, at)[0] for at in range(start, start + size * count, size)}
    if {PT_INTERP, check.PT_DYNAMIC} & kinds:
        raise BuildError(f"{program}: is not static; does the compiler have a static libc (libc.a)?")
