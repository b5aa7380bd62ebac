"""Programs that scripts/build-agent makes for these tests: each once in a test run, whatever asks for it first."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/build-agent"
PROGRAM = ROOT / "scripts/firmware/program.py"
DIFFERENTIAL = Path(__file__).parent / "inside/differential.py"
NOT_HERE = 125
BUILD_S = 1200


def build_agent(*arguments: str, timeout_s: float = BUILD_S) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=timeout_s
    )


def program(arch: str, factory: pytest.TempPathFactory) -> Path:
    """The agent compiled for ``arch``, with the differential test in it; skips where it cannot be built."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    target, refused = shared / f"lastgasp-agent-{arch}", shared / f"lastgasp-agent-{arch}.refused"
    with open(shared / f"{arch}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists() and not refused.exists():
            main = shared / f"main-{arch}.py"
            main.write_text(DIFFERENTIAL.read_text() + PROGRAM.read_text())
            done = build_agent("--arch", arch, "-o", str(target), "--main", str(main))
            if done.returncode == NOT_HERE:
                refused.write_text(done.stderr.strip())
            else:
                assert done.returncode == 0, done.stderr
    if refused.exists():
        pytest.skip(refused.read_text())
    return target


def native(factory: pytest.TempPathFactory) -> Path:
    """The one for this host, which has to have the library that it is linked with."""
    made = program("x86_64", factory)
    done = subprocess.run([str(made), "--version"], capture_output=True, text=True, check=False)
    if "error while loading shared libraries" in done.stderr:
        pytest.skip(f"{done.stderr.strip()}; on Debian 12: apt-get install libpython3.11")
    return made
