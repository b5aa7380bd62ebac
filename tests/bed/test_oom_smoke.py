"""A small set of real OOM kills: `qemu-bed oom` on every kernel generation, in QEMU, two guests at a time.

Skipped, and said so at the end of the run, where what a guest is made of cannot be had: QEMU, a cross compiler, the
tools of ext4, a Debian mirror. Whatever else goes wrong is a failure, packages that have other names or files included.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import guests
from bed import bench
from bed.errors import Unavailable
from bed.targets import BOARDS, KERNELS

SCRIPT = Path(__file__).parents[2] / "scripts/qemu-bed"
TIMEOUT_S = 900  # hangs end in a failure; a run takes some 40 s
# The slowest first, as two run at a time.
RUNS = (
    ("arm64", "6.1", "tune", True),
    ("armhf", "6.1", "leak", True),
    ("armhf", "7.2", "allocating-task", False),
    ("armhf", "5.10", "adj-up", False),
    ("armhf", "6.12", "memcg", False),
    ("armhf", "6.1", "overcommit-2", False),
)
Run = tuple[str, str, str, bool]


def without() -> dict[tuple[str, str], str]:
    """The kernels that cannot be had, where all else can: a mirror need not have every suite."""
    found = {}
    for arch, kernel, _, _ in RUNS:
        try:
            bench.fetch(BOARDS[arch], KERNELS[kernel])
        except Unavailable as error:
            found[arch, kernel] = str(error)
    return found


@pytest.fixture(scope="module")
def lacking() -> dict[tuple[str, str], str]:
    """The kernels that cannot be had, and why; skips all if no guest can be made."""
    if reason := guests.missing([BOARDS[arch] for arch in dict.fromkeys(arch for arch, _, _, _ in RUNS)]):
        pytest.skip(f"no guests can be made here: {reason}")
    return without()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(run[:3]))
def test_a_real_kill_is_as_the_model_says_and_recorded(
    run: Run,
    lacking: dict[tuple[str, str], str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    arch, kernel, scenario, agent = run
    if reason := lacking.get((arch, kernel)):
        pytest.skip(f"no Linux {kernel} for {arch}: {reason}")
    command = [sys.executable, str(SCRIPT), "oom", "--arch", arch, "--kernel", kernel, "--scenario", scenario]
    command += ["--keep", str(tmp_path)] + ([] if agent else ["--without-agent"])
    with guests.slot():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "FAILED" not in done.stdout
    assert done.stdout.count("\nok ") >= 1
    record_property("counted: scenarios of out-of-memory played on real kernels", 1)
    for image in tmp_path.glob("*.ext4"):
        image.unlink()  # large, and wanted only where something went wrong
