"""The tree that scripts/build-bytecode makes, run as a device runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_command import Device

from lastgasp.analysis.cost import cost

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    tree = tmp_path_factory.mktemp("tree")
    subprocess.run([sys.executable, str(ROOT / "scripts/build-bytecode"), str(tree)], check=True)
    return [sys.executable, "-I", "-S", "-E", str(tree / "lastgasp-agent.pyc")]


@pytest.fixture
def device(tmp_path: Path, command: list[str]) -> Iterator[Device]:
    made = Device(tmp_path)
    made.command = command
    yield made
    made.end()


def test_it_records_and_stops_cleanly(device: Device) -> None:
    agent = device.start()
    assert device.run("mark", "test 7").returncode == 0
    assert device.stop(agent) == (0, "")
    assert device.recording().clean_stop
    assert [values["text"] for values in device.events("mark")] == [b"test 7"]


def test_the_agent_is_known_by_its_name(device: Device) -> None:
    """Starting over by /proc/self/exe would leave it the name "exe", in OOM reports too."""
    agent = device.start()
    assert Path(f"/proc/{agent.pid}/comm").read_text() == "lastgasp-agent\n"
    device.stop(agent)
    assert cost(device.recording()).agents, "others may run beside it"
