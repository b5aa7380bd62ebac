"""When samples go to flash though nothing is wrong: full blocks by themselves, the rest before it is too old."""

from __future__ import annotations

import random

from clocked import Clocked, Machine

FLUSH_MS = 600_000


def run(clocked: Clocked, seconds: int, busy: int) -> None:
    """``busy`` processes change at every tick."""
    rng = random.Random(1)
    end_ms = clocked.now_ms + seconds * 1000
    while clocked.now_ms < end_ms:
        for pid in range(100, 100 + busy):
            clocked.fake.counters(pid, rss=rng.randrange(1000, 5000), shared=0, cpu=clocked.now_ms // 5000)
        clocked.agent.tick(clocked.now_ms)
        clocked.now_ms = clocked.agent.due_ms


def made(machine: Machine, busy: int) -> Clocked:
    for pid in range(100, 100 + busy):
        machine.fake.process(pid)
    clocked = machine(flush_interval=FLUSH_MS, mappings=False)
    clocked.agent.start()
    return clocked


def test_a_quiet_device_writes_once_in_each_flush_interval(machine: Machine) -> None:
    clocked = made(machine, 20)
    run(clocked, 2 * FLUSH_MS // 1000 + 1, busy=0)
    assert clocked.agent.writer.blocks_written == 2


def test_where_blocks_fill_sooner_none_is_written_early(machine: Machine) -> None:
    clocked = made(machine, 40)
    run(clocked, FLUSH_MS * 3 // 2000, busy=40)
    writer = clocked.agent.writer
    assert writer.blocks_written == writer.place.block_number > 3
