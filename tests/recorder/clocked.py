"""An agent over a fake /proc, in a world whose clock a test turns."""

from __future__ import annotations

from pathlib import Path

from fake_proc import FakeProc

from lastgasp.recorder import ring_file
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
