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
    """Make C out of ``main`` and the package beside it, below ``folder``.

    Raises BuildError with what Nuitka says.
    """
    plan = folder / "plan.json"
    environment = os.environ | {
        "LASTGASP_INCLUDE": str(python.include),
        "LASTGASP_COLD": ",".join(cold),
        "LASTGASP_PLAN": str(plan),
        "LASTGASP_SCRIPTS": str(PLUGIN.parents[1]),
        "PYTHONPATH": "",
        "PYTHONHASHSEED": "0",
    }
    command = [interpreter, "-m", "nuitka", *FLAGS, f"--user-plugin={PLUGIN}", f"--output-dir={folder}", main.name]
    done = subprocess.run(command, cwd=main.parent, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not plan.is_file():
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BuildError("Nuitka failed: " + " | ".join(lines[-3:]))
    found = json.loads(plan.read_text())
    adapted = Path(found["adapted_headers"]) if found["adapted_headers"] else None
    return Plan(Path(found["source_dir"]), adapted, Path(found["package"]))
