"""What a machine, and those who use it, may do to the agent: it goes on, and neither spins nor wears the flash out."""

from __future__ import annotations

import posix
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_proc import FakeProc

from lastgasp.recorder import identity, ring_file
from lastgasp.recorder.agent import Agent
from lastgasp.recorder.config import Config
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot


class Clocked:
    """An agent over a fake /proc whose clock we turn."""

    def __init__(self, folder: Path, fake: FakeProc, **settings: object) -> None:
        self.fake = fake
        self.config = Config()
        self.config.ring_path = str(folder / "ring")
        self.config.ring_size = 256 * 1024
        self.config.control_socket = ""
        self.config.alert_syslog = False
        for name, value in settings.items():
            setattr(self.config, name, value)
        self.now_ms = 10_000
        self.reloaded = self.config
        ring = ring_file.open_ring(self.config, bytes(16), fake.root)
        self.agent = Agent(self.config, ring, lambda: self.reloaded, fake.root, lambda: self.now_ms)

    def run(self, seconds: int) -> None:
        """Ticks, no waiting."""
        end_ms = self.now_ms + seconds * 1000
        while self.now_ms < end_ms:
            self.agent.tick(self.now_ms)
            self.now_ms = self.agent.due_ms

    def status(self) -> dict[str, str]:
        lines = self.agent._answer(b"status").decode().splitlines()
        return dict(line.split(": ", 1) for line in lines)

    def boot(self) -> Boot:
        assert self.agent.flush()
        (recording,) = load(self.config.ring_path)
        return recording.boots[0]

    def end(self) -> None:
        self.agent.ring.storage.close()
        self.agent.control.close()
        for source in self.agent.sampler.system.sources:
            source.close()


class Machine:
    """Makes agents and ends them."""

    def __init__(self, folder: Path, fake: FakeProc) -> None:
        self.folder = folder
        self.fake = fake
        self.made: list[Clocked] = []

    def __call__(self, **settings: object) -> Clocked:
        clocked = Clocked(self.folder, self.fake, **settings)
        self.made.append(clocked)
        return clocked


@pytest.fixture
def machine(tmp_path: Path, fake: FakeProc) -> Iterator[Machine]:
    made = Machine(tmp_path, fake)
    yield made
    for clocked in made.made:
        clocked.end()


def test_a_host_may_have_any_name(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Uname:
        release = version = "6.1"
        machine = "armv7l"
        nodename = "box\udcff"

    monkeypatch.setattr(posix, "uname", Uname)
    assert (b"host", b"box\xff") in identity.machine(machine.fake.root, b"1")


def test_a_ring_may_lie_under_any_name(machine: Machine) -> None:
    clocked = machine(ring_path=str(machine.folder / "ring\udcff"))
    clocked.agent.ring.notes.append(clocked.config.ring_path)
    clocked.agent.start()
    (start,) = [event for event in clocked.boot().events if event.kind == "start"]
    assert start.values["note"].endswith(b"ring\xff")
    assert clocked.status()["ring"].endswith("ring?")
