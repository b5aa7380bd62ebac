"""Every system call of the agent fails, one after another, with every errno that it may meet: the agent goes on."""

from __future__ import annotations

import errno
import itertools
import os
import posix
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fake_proc import FakeProc

from lastgasp.recorder import ring_file
from lastgasp.recorder.agent import Agent
from lastgasp.recorder.config import Config
from lastgasp.timeline.load import load

CALLS = ("open", "read", "pread", "close", "listdir", "scandir", "readlink", "lseek", "pwrite", "fdatasync", "write")
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EMFILE, errno.ENOMEM, errno.ESRCH, errno.ENOENT, errno.EACCES, errno.EROFS)
TICKS = 6


class Faults:
    """Counts the agent's system calls and makes one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.fail_at: frozenset[int] = frozenset()
        self.errno = 0
        self.on = False
        for name in CALLS:
            monkeypatch.setattr(posix, name, self.wrap(name, getattr(posix, name)))

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if not self.on:
                return call(*arguments, **options)
            self.count += 1
            if self.count in self.fail_at:
                if name == "close":
                    call(*arguments)  # Linux closes the descriptor whatever close() returns
                raise OSError(self.errno, "emulated")
            return call(*arguments, **options)

        return counted


class Run:
    """An agent over a fake /proc that changes at every tick, under pressure now and then."""

    def __init__(self, folder: Path, fake: FakeProc) -> None:
        self.fake = fake
        for pid in range(100, 100 + TICKS):
            if (fake.path / f"proc/{pid}").exists():
                fake.end(pid)
        fake.machine(available_kb=800_000)
        for pid in range(10, 16):
            fake.counters(pid, rss=1000, shared=0)
        (folder / "ring").unlink(missing_ok=True)
        config = Config()
        config.ring_path = str(folder / "ring")
        config.ring_size = 128 * 1024
        config.control_socket = ""
        config.alert_syslog = False
        config.mapping_interval = 1000
        config.slow_interval = 2000
        config.alert_growth = ((b"daemon", 1000),)
        self.config = config
        self.clock_ms = 10_000

    def go(self, faults: Faults) -> None:
        ring = ring_file.open_ring(self.config, bytes(16), self.fake.root)
        agent = Agent(self.config, ring, root=self.fake.root, clock=lambda: self.clock_ms)
        faults.on = True
        try:
            agent.start()
            for tick in range(TICKS):
                self.fake_changes(tick, faults)
                agent.tick(self.clock_ms)
                self.clock_ms += 1000
            agent.encoder.event(self.clock_ms, b"mark", [(b"text", b"the end")])
            faults.fail_at = frozenset()
            assert agent.flush()
        finally:
            faults.on = False
            ring.storage.close()
            for source in agent.sampler.system.sources:
                source.close()

    def fake_changes(self, tick: int, faults: Faults) -> None:
        faults.on = False
        for pid in range(10, 16):
            self.fake.counters(pid, rss=1000 + tick * 200 * (pid % 3), shared=0, cpu=tick)
        self.fake.process(100 + tick)
        if tick == 3:
            self.fake.end(101)
            self.fake.machine(available_kb=20_000)
        faults.on = True


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    made = Faults(monkeypatch)
    yield made
    monkeypatch.undo()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of rings are made in it."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else tmp_path) as made:
        yield Path(made)


@pytest.fixture
def fake(folder: Path) -> FakeProc:
    made = FakeProc(folder / "root")
    for pid in range(10, 16):
        made.process(pid)
        made.smaps(pid, **{"[heap]": 4000})
    return made


def check_the_end(config: Config, what: str) -> None:
    """Whatever failed, the agent was alive at the end, and what it wrote can be read."""
    (recording,) = load(config.ring_path)
    events = [event for boot in recording.boots for event in boot.events]
    assert events[-1].values.get("text") == b"the end", what
    assert recording.undecodable == 0, what


@pytest.mark.parametrize("part", range(4))
def test_any_one_system_call_may_fail(
    part: int, folder: Path, fake: FakeProc, faults: Faults, record_property: Callable[[str, object], None]
) -> None:
    Run(folder, fake).go(faults)
    total = faults.count
    assert total > 300
    numbers = itertools.cycle(ERRNOS)
    tried = 0
    for number in range(1 + part, total + 1, 4):
        faults.count = 0
        faults.fail_at = frozenset((number,))
        faults.errno = next(numbers)
        run = Run(folder, fake)
        run.go(faults)
        check_the_end(run.config, f"call {number}, errno {faults.errno}")
        tried += 1
    record_property("counted: system calls failed one at a time", tried)


@pytest.mark.parametrize("number", ERRNOS)
def test_all_system_calls_may_fail_for_a_while(number: int, folder: Path, fake: FakeProc, faults: Faults) -> None:
    Run(folder, fake).go(faults)
    total = faults.count
    faults.count = 0
    faults.errno = number
    faults.fail_at = frozenset(range(total // 3, 2 * total // 3))
    run = Run(folder, fake)
    run.go(faults)
    check_the_end(run.config, f"errno {number}")
