"""The demo, run once as a newcomer would: it takes most of a minute."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "scripts" / "demo"


def groups() -> set[Path]:
    return set(Path("/sys/fs/cgroup").glob("**/lastgasp-demo-*"))


def alive(name: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text() == name + "\n":
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_the_demo_names_the_leaker_and_nobody_else_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = groups()
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  lg-leaker .* leak \(likely\)", done.stdout, re.M)
    assert "demo: lg-leaker was found, and neither of lg-sawtooth and lg-cache was accused" in done.stdout
    if "no OOM kill will be shown" not in done.stdout:
        assert re.search(r"The OOM killer killed .* at ", done.stdout)
    assert list(tmp_path.iterdir()) == []
    assert groups() <= before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(tmp_path: Path, number: int) -> None:
    """Also one in the background of a script, which has been told to ignore Ctrl-C."""

    def in_child() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL if number == signal.SIGINT else signal.SIG_IGN)

    before, programs = groups(), set(alive("lg-leaker"))
    process = subprocess.Popen(
        [sys.executable, str(DEMO)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=in_child,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not set(alive("lg-leaker")) - programs:
        time.sleep(0.1)
    assert set(alive("lg-leaker")) - programs
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert out.splitlines()[-1] == "demo: interrupted"
    assert set(alive("lg-leaker")) <= programs
    assert list(tmp_path.iterdir()) == []
    assert groups() <= before
