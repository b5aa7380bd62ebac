"""When samples go to flash though nothing is wrong: full blocks by themselves, the rest before it is too old."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_proc import FakeProc

from lastgasp.recorder import ring_file
from lastgasp.recorder.agent import Agent
from lastgasp.recorder.config import Config
from lastgasp.recorder.wear import Wear

INTERVAL_MS = 5_000
FLUSH_MS = 600_000


class Clocked:
    """An agent whose clock we turn."""

    def __init__(self, folder: Path, fake: FakeProc) -> None:
        config = Config()
        config.ring_path = str(folder / "ring")
        config.ring_size = 1 << 20
        config.flush_interval = FLUSH_MS
        config.control_socket = ""
        config.alert_syslog = config.mappings = False
        self.fake = fake
        self.now_ms = 10_000
        self.rng = random.Random(1)
        self.agent = Agent(config, ring_file.open_ring(config, bytes(16), fake.root), None, fake.root, self.clock)
        self.agent.start()

    def clock(self) -> int:
        return self.now_ms

    def run(self, ticks: int, busy: int) -> None:
        """``busy`` processes change at every tick."""
        for tick in range(ticks):
            for pid in range(100, 100 + busy):
                self.fake.counters(pid, rss=self.rng.randrange(1000, 5000), shared=0, cpu=tick)
            self.agent.tick(self.now_ms)
            self.now_ms += INTERVAL_MS

    @property
    def early(self) -> int:
        return self.agent.writer.blocks_written - self.agent.writer.place.block_number


@pytest.fixture
def clocked(tmp_path: Path, fake: FakeProc) -> Iterator[Clocked]:
    fake.machine(available_kb=800_000)
    for pid in range(100, 140):
        fake.process(pid)
    made = Clocked(tmp_path, fake)
    yield made
    made.agent.ring.storage.close()
    for source in made.agent.sampler.system.sources:
        source.close()


def test_a_quiet_device_writes_once_in_each_flush_interval(clocked: Clocked) -> None:
    clocked.run(2 * FLUSH_MS // INTERVAL_MS + 1, busy=0)
    assert clocked.agent.writer.blocks_written == 2


def test_pressure_without_a_budget_for_it_makes_no_sample_wait_longer(clocked: Clocked) -> None:
    clocked.agent.wear = Wear(0, 4096)
    clocked.fake.machine(available_kb=10_000)
    clocked.run(2 * FLUSH_MS // INTERVAL_MS + 1, busy=0)
    assert clocked.agent.writer.blocks_written == 2


def test_where_blocks_fill_sooner_none_is_written_early(clocked: Clocked) -> None:
    clocked.run(3 * FLUSH_MS // INTERVAL_MS // 2, busy=40)
    assert clocked.agent.writer.place.block_number > 3
    assert clocked.early == 0
