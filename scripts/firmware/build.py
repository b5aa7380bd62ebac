"""The steps from the agent's sources to one program.

1. ask the compiler what it is for; find the device's Python in the sysroot, and an interpreter of its version
2. stage the device's modules
3. Nuitka makes C of them, and of no others
4. the device's compiler compiles that and links it with the device's libpython
5. check that nothing of this host is in it
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware import check, interpreter, stage, sysroot, targets
from firmware.compile import compile_program
from firmware.errors import BuildError, Unavailable
from firmware.generate import generate

CACHE = Path(os.environ.get("LASTGASP_BED") or Path(__file__).resolve().parents[2] / ".bed").absolute()


@dataclass(frozen=True, slots=True)
class Order:
    """What to build, and with what."""

    arch: str | None
    output: Path | None = None
    python: str | None = None
    compiler: tuple[str, ...] = ()
    sysroot: Path | None = None
    jobs: int = 1
    keep: Path | None = None
    main: Path = stage.MAIN
    """Another main file: tests have one."""


def build(order: Order) -> Path:
    """Build one program; returns its path. Raises BuildError."""
    compiler = list(order.compiler)
    if not compiler:
        if order.arch is None:
            raise BuildError("which processor? Give --arch or --cc")
        compiler = list(targets.TARGETS[order.arch].compiler)
        if shutil.which(compiler[0]) is None:
            package = targets.TARGETS[order.arch].package
            raise Unavailable(f"{compiler[0]} is not installed; on Debian: apt-get install {package}")
    target = targets.target_of(compiler, order.arch)
    version = interpreter.ask(order.python)[0] if order.python else None
    python = sysroot.find(order.sysroot, target, version) if order.sysroot else sysroot.debian(CACHE, target)
    if order.python:
        runs_nuitka = interpreter.given(order.python, python.version)
    else:
        runs_nuitka = interpreter.own(python.version, CACHE / "nuitka")
    output = (order.output or Path(f"lastgasp-agent-{target.name}")).absolute()
    with _folder(order.keep) as folder:
        main = stage.stage(folder / "modules", order.main)
        plan = generate(runs_nuitka, main, python, stage.cold_modules(), folder)
        program = folder / "program"
        compile_program(compiler, plan, python, program, order.jobs)
        prefixes = [path for path in interpreter.ask(runs_nuitka)[2] if path not in ("/usr", "/usr/local")]
        hosts = [str(folder), str(plan.package), *prefixes, *([str(order.sysroot)] if order.sysroot else [])]
        check.check(program, target, hosts)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, output)
    return output


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the build happens."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lastgasp-build-") as folder:
            yield Path(folder)
    else:
        shutil.rmtree(keep, ignore_errors=True)
        keep.mkdir(parents=True)
        yield keep.resolve()
