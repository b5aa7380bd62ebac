"""Programs of the host."""

import subprocess
from pathlib import Path

from .errors import BedError


def run(command: list[str]) -> str:
    """Run a program; return what it prints. Raises BedError when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
        raise BedError(f"{Path(command[0]).name} failed: {last}")
    return done.stdout
