"""The workload under which everything is measured: see workload.c for what its processes do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.children import ChildError, Children

HERE = Path(__file__).parent
MAIN = {"sleep": 200, "alloc": 20}
LIGHT = {"sleep": 90, "light": 10}
CHURN = {"sleep": 50, "alloc": 20, "brief": 50}


def describe(kinds: dict[str, int]) -> str:
    """ "200 sleep, 20 alloc"."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def build(folder: str) -> list[str]:
    """The command that runs it: compiled into ``folder``, or Python where that fails."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    program = f"{folder}/workload"
    if compiler:
        command = [compiler, "-O2", "-o", program, str(HERE / "workload.c")]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return [program]
    return [sys.executable, "-m", "benchmarks.workload_slow"]


def start(children: Children, folder: str, kinds: dict[str, int], speed: int = 1) -> None:
    """Start it within ``children`` and return when all of it is there. Raises ChildError."""
    logs = f"{folder}/logs"
    os.makedirs(logs, exist_ok=True)
    command = [*build(folder), logs, str(speed), *[f"{kind}={count}" for kind, count in kinds.items()]]
    process = children.start(
        "workload",
        command,
        {"PYTHONPATH": str(HERE.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdout is None or process.stdout.readline() != b"ready\n":
        raise ChildError(f"the workload does not start: {children.last_words('workload')}")
