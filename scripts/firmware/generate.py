"""From the agent's modules to C: Nuitka, run by an interpreter of the device's minor version."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import BuildError
from firmware.sysroot import Python

NUITKA = "4.3"
PLUGIN = Path(__file__).with_name("nuitka_plugin.py")
FROZEN = Path(__file__).with_name("frozen.py")
FLAGS = (
    "--mode=accelerated",
    "--static-libpython=no",
    "--python-flag=no_site,no_docstrings,no_asserts,no_annotations",
    # __file__ and tracebacks name "lastgasp/recorder/agent.py", not the build's folder.
    "--file-reference-choice=frozen",
    "--nofollow-imports",
    "--include-package=lastgasp",
    "--no-progressbar",
    "--quiet",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What Nuitka leaves to compile."""

    sources: Path
    """The folder with the C files and the constants."""
    adapted_headers: Path | None
    package: Path
    """Nuitka itself, which has the headers and the C of its run time."""


def generate(interpreter: str, main: Path, python: Python, cold: list[str], folder: Path) -> Plan:
    """Make C out of ``main`` and the package beside it, and of the bytecode of ``cold``, below ``folder``.

    Raises BuildError with what Nuitka says.
    """
    plan = folder / "plan.json"
    environment = os.environ | {
        "LASTGASP_INCLUDE": str(python.include),
        "LASTGASP_PLAN": str(plan),
        "PYTHONPATH": "",
        "PYTHONHASHSEED": "0",
    }
    command = [interpreter, "-m", "nuitka", *FLAGS, f"--user-plugin={PLUGIN}", f"--output-dir={folder}", main.name]
    _run("Nuitka", command, main.parent, environment)
    if not plan.is_file():
        raise BuildError("Nuitka ended without saying what there is to compile")
    found = json.loads(plan.read_text())
    table = [interpreter, "-I", "-S", "-B", str(FROZEN), str(Path(found["source_dir"]) / "lastgasp_frozen.c"), *cold]
    _run("freezing", table, folder, environment)
    adapted = Path(found["adapted_headers"]) if found["adapted_headers"] else None
    return Plan(Path(found["source_dir"]), adapted, Path(found["package"]))


def _run(what: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Raises BuildError with what the program says last."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BuildError(f"{what} failed: " + " | ".join(lines[-3:]))
