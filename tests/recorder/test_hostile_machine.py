"""What a machine, and those who use it, may do to the agent: it goes on, and neither spins nor wears the flash out."""

from __future__ import annotations

import os
import posix
import select
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from clocked import Clocked, Machine

from lastgasp.recorder import agent as agent_module
from lastgasp.recorder import identity, protect, requests
from lastgasp.recorder.clocks import log_clock_us, wall_offset_ns
from lastgasp.recorder.config import Config
from lastgasp.recorder.kernel_log import SIGNS
from lastgasp.recorder.rows import Rows
from lastgasp.timeline.load import load


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


def test_the_logs_clock_is_taken_to_stop_in_suspend(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {time.CLOCK_BOOTTIME: 7_200_000_000_000, time.CLOCK_MONOTONIC: 3_600_000_000_000}
    monkeypatch.setattr(time, "clock_gettime_ns", clocks.__getitem__)
    assert 3_500_000_000 - 3_500_000 <= log_clock_us(7_100_000) <= 3_500_000_000


def test_a_storm_of_kills_is_sampled_once_a_tick_and_does_not_wear_the_flash(machine: Machine) -> None:
    """Kill lines without a report, many a second: a control group whose processes are started again at once."""
    clocked = machine(flash_budget=0)
    agent = clocked.agent
    said, heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard.setblocking(False)
    agent.log.fd = heard.fileno()
    for number in range(60 * 20):
        said.send(b"3,%d,%d,-;Memory cgroup out of memory: Killed process 7 (x)\n" % (number, clocked.now_ms * 1000))
        agent._on_log(agent.log.fd)
        if clocked.now_ms >= agent.due_ms:
            agent.tick(clocked.now_ms)
        clocked.now_ms += 50
    assert agent.sampler.samples <= 2 * 60 + 2
    assert agent.writer.blocks_written - agent.writer.place.block_number <= SIGNS
    said.close()
    heard.close()


def test_reports_from_before_the_start_are_kept_and_no_sign_of_trouble_now(machine: Machine) -> None:
    """An agent that starts late reads what the kernel said earlier in this boot, weeks ago perhaps."""
    clocked = machine()
    agent = clocked.agent
    said, heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard.setblocking(False)
    agent.log.fd = heard.fileno()
    said.send(b"4,1,2000000,-;cat invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0\n")
    agent._on_log(agent.log.fd)
    assert not agent.pressure.on
    assert agent.sampler.samples == 0
    assert agent.writer.blocks_written == 1, "it is on flash at once all the same"
    said.send(b"4,2,9000000,-;dog invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0\n")
    agent._on_log(agent.log.fd)
    assert agent.pressure.on
    assert agent.sampler.samples == 1
    said.close()
    heard.close()


def turns(clocked: Clocked) -> int:
    """How often the loop comes round in a second of its clock, which poll() is made to turn."""
    count, end_ms = 0, clocked.now_ms + 1000
    while clocked.now_ms < end_ms:
        clocked.agent.turn()
        count += 1
        assert count < 1000, "it spins"
    return count


class Waiting:
    """poll() that waits by our clock."""

    def __init__(self, clocked: Clocked) -> None:
        self.clocked = clocked
        self.poller = select.poll()
        self.register = self.poller.register
        self.unregister = self.poller.unregister

    def poll(self, timeout_ms: int) -> list[tuple[int, int]]:
        found = self.poller.poll(0)
        self.clocked.now_ms += 0 if found else max(timeout_ms, 1)
        return found


def watch_again(clocked: Clocked) -> None:
    """Put our poll() in the loop's place."""
    agent = clocked.agent
    agent.loop._poller = Waiting(clocked)  # type: ignore[assignment]
    agent.loop._handlers.clear()
    agent.loop.watch(agent.log.fd, agent._on_log)
    agent.loop.watch(agent.control.fd, agent._on_connection)


def test_what_stands_in_for_the_kernel_log_and_is_always_ready_does_not_keep_the_agent_awake(machine: Machine) -> None:
    (machine.fake.path / "dev/kmsg").symlink_to("/dev/null")
    clocked = machine()
    watch_again(clocked)
    assert turns(clocked) <= 5
    assert clocked.status()["absent /dev/kmsg"] == "ENODATA, nothing to read"


def test_a_client_that_there_is_no_descriptor_for_does_not_keep_the_agent_awake(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocked = machine(control_socket=str(machine.folder / "sock"))
    watch_again(clocked)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(clocked.config.control_socket)
        client.sendall(b"flush\n")
        with monkeypatch.context() as short:
            short.setattr(clocked.agent.control, "accept", lambda: -1)
            assert turns(clocked) <= 45
        turns(clocked)
        assert client.recv(100) == b"ok\n", "and is served when there is one again"


def test_what_is_read_at_the_start_only_stays_and_the_change_is_said(machine: Machine) -> None:
    clocked = machine()
    clocked.reloaded = Config()
    clocked.reloaded.interval = 7000
    clocked.reloaded.ring_path = "/elsewhere/ring"
    clocked.reloaded.control_socket = "/elsewhere/socket"
    requests.reload(clocked.agent)
    requests.reload(clocked.agent)
    status = clocked.agent._answer(b"status").decode()
    assert f"\nring: {machine.folder / 'ring'}\n" in status
    assert status.count("note: ring_path was changed: that waits for a restart\n") == 1
    assert clocked.agent.config.interval == 7000


def test_every_key_that_the_shipped_file_marks_is_one_that_is_read_at_the_start_only() -> None:
    marked: set[str] = set()
    comment = ""
    for line in Path(requests.__file__).with_name("lastgasp.conf").read_text().splitlines():
        if line.startswith("# "):
            comment += line
        elif line.startswith("#"):
            marked |= {line[1:].partition(" ")[0]} if "(*)" in comment else set()
        else:
            comment = ""
    assert marked == set(requests.AT_START)


def test_a_slow_interval_that_was_shortened_counts_at_once(machine: Machine) -> None:
    clocked = machine(slow_interval=86_400_000)
    clocked.run(10)
    clocked.reloaded = Config()
    requests.reload(clocked.agent)
    assert clocked.agent.slow_due_ms - clocked.now_ms <= clocked.reloaded.slow_interval


def test_a_flood_of_marks_does_not_push_the_recording_out(machine: Machine) -> None:
    clocked = machine()
    answers = [clocked.agent._answer(b"mark %d" % number) for number in range(2 * requests.MARKS)]
    assert answers.count(b"ok\n") == requests.MARKS
    assert answers[-1].startswith(b"error 1000 marks in an hour are enough")
    clocked.now_ms += 3_600_000
    assert clocked.agent._answer(b"mark again") == b"ok\n"


def test_a_mark_that_is_too_long_is_refused_not_cut(machine: Machine) -> None:
    clocked = machine()
    assert clocked.agent._answer(b"mark " + b"x" * 256) == b"ok\n"
    assert clocked.agent._answer(b"mark " + b"x" * 257) == b"error a mark has 256 bytes at most\n"
    assert clocked.agent._answer(b"mark a\0b") == b"ok\n"
    assert [event.values["text"] for event in clocked.boot().events if event.kind == "mark"] == [b"x" * 256, b"a\0b"]


def test_status_survives_a_ring_that_was_cut_short_damaged_or_removed(machine: Machine) -> None:
    clocked = machine()
    clocked.agent.start()
    clocked.run(10)
    clocked.agent.flush()
    ring = Path(clocked.config.ring_path)
    clocked.agent.ring.place.head = 0
    assert clocked.status()["oldest_sample"][:2] == "20"
    with ring.open("r+b") as file:
        file.seek(72)
        file.write(b"\xff" * 7 + b"\x7f")
    assert "oldest_sample" in clocked.status()
    os.truncate(ring, 40)
    assert clocked.status()["oldest_sample"] == "unknown"
    ring.unlink()
    assert clocked.status()["note"].startswith("the ring's file was removed")


def test_a_question_that_cannot_be_answered_does_not_end_the_agent(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocked = machine()
    monkeypatch.setattr(posix, "fstatvfs", None)
    assert clocked.agent._answer(b"status").startswith(b"error ")


def test_the_history_that_status_foretells_is_that_of_full_blocks(machine: Machine) -> None:
    """What is written early takes turns in its slots: it costs flash, not history."""
    clocked = machine()
    clocked.fake.machine(available_kb=10_000)
    while clocked.now_ms < 700_000:
        clocked.agent.encoder.event(clocked.now_ms, b"mark", [(b"text", os.urandom(20))])
        clocked.run(1)
    writer, status = clocked.agent.writer, clocked.status()
    assert writer.blocks_written > 3 * writer.place.block_number > 0
    blocks_per_day = writer.place.block_number * 86400 / (clocked.now_ms / 1000 - 10)
    assert float(status["history_days"]) == pytest.approx(writer.place.slots / blocks_per_day, abs=0.1)


def test_status_says_which_slow_sources_are_absent(machine: Machine) -> None:
    clocked = machine()
    clocked.fake.write("zoneinfo", b"Node 0, zone Normal\n")
    status = clocked.status()
    assert "absent /proc/zoneinfo" not in status
    assert status["absent /proc/slabinfo"] == "ENOENT, this kernel has none"


def test_being_held_up_between_two_clocks_is_no_clock_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is short, a page of ours is read from disk, and a second passes between two lines."""
    passed_ns = 0
    delays = [0, 1_000_000_000, 0, 0, 0, 0]

    def boot(_: int) -> int:
        nonlocal passed_ns
        passed_ns += delays.pop(0)
        return 5_000_000_000 + passed_ns

    def wall() -> int:
        nonlocal passed_ns
        passed_ns += delays.pop(0)
        return 1_700_000_005_000_000_000 + passed_ns

    monkeypatch.setattr(time, "clock_gettime_ns", boot)
    monkeypatch.setattr(time, "time_ns", wall)
    assert wall_offset_ns() == 1_700_000_000_000_000_000


def test_what_was_recorded_is_on_flash_even_if_the_agent_itself_fails(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocked = machine()
    agent = clocked.agent

    class Loop:
        catch_signals = watch = unwatch = staticmethod(lambda *_: None)

        def wait(self, timeout_ms: int) -> None:
            clocked.now_ms += timeout_ms

    agent.loop = Loop()  # type: ignore[assignment]
    put, count = Rows.put, 0

    def fail(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count > 50:
            raise MemoryError
        put(*arguments)

    monkeypatch.setattr(Rows, "put", fail)
    with pytest.raises(MemoryError):
        agent.run()
    (recording,) = load(clocked.config.ring_path)
    assert recording.samples == agent.sampler.samples > 3
    assert not recording.clean_stop
    assert not recording.undecodable


def test_sleep_is_no_missed_tick(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLOCK_BOOTTIME goes on in suspend: a device that slept for an hour did not starve its agent for an hour."""
    clocked = machine()
    slept_ms = 0
    monkeypatch.setattr(agent_module, "suspended_ms", lambda: slept_ms)
    clocked.run(20)
    assert clocked.agent.missed_ticks == 0
    slept_ms = 3_600_000
    clocked.now_ms += slept_ms
    clocked.run(20)
    assert clocked.agent.missed_ticks == 0
    clocked.now_ms += 60_000
    clocked.run(20)
    assert clocked.agent.missed_ticks == 60_000 // clocked.config.interval


def test_without_privileges_the_kernel_wakes_us_by_a_longer_window(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fake.machine(stalled_us=5)
    asked: list[bytes] = []

    def write(_: int, data: bytes) -> int:
        asked.append(data)
        if data.split()[2] == b"1000000\0":
            raise OSError(22, "emulated")
        return len(data)

    monkeypatch.setattr(posix, "write", write)
    assert machine().agent.trigger_errno == 0
    assert asked[-1] == b"some 200000 2000000\0", "psi.rst: unprivileged windows are multiples of 2 s"


def test_a_mark_is_in_persistent_memory_before_it_is_answered(machine: Machine) -> None:
    """The next thing that happens may be the reset that the mark announces."""
    pmsg = machine.fake.path / "dev/pmsg0"
    pmsg.touch()
    clocked = machine(pmsg=True)
    assert clocked.agent._answer(b"mark now pull the plug") == b"ok\n"
    assert b"now pull the plug" in pmsg.read_bytes()


def test_status_names_memory_that_cannot_be_seen(machine: Machine) -> None:
    clocked = machine()
    assert clocked.status()["absent zram"] == "ENOENT, this kernel has none"
    assert clocked.status()["absent dma-buf totals"] == "ENOENT, this kernel has none"
    (machine.fake.path / "sys/block/zram0").mkdir(parents=True)
    assert "absent zram" not in clocked.status()


@pytest.mark.parametrize(
    ("capabilities", "limit", "allowed"),
    [
        (b"000001ffffffffff", b"65536", True),
        (b"0000000000004000", b"0", True),
        (b"0000000000000000", b"unlimited", True),
        (b"0000000000000000", b"8388608", False),
        (b"000001ffffffbfff", b"65536", False),
    ],
)
def test_memory_is_locked_only_where_that_cannot_make_later_allocations_fail(
    capabilities: bytes, limit: bytes, allowed: bool
) -> None:
    status = b"Name:\tx\nCapPrm:\t0000000000004000\nCapEff:\t%s\nCapBnd:\t0000000000004000\n" % capabilities
    limits = b"Limit  Soft  Hard  Units\nMax locked memory         %s         unlimited      bytes\n" % limit
    assert protect.may_lock(status, limits) is allowed


def test_locking_is_left_out_where_nothing_is_known() -> None:
    assert not protect.may_lock(b"", b"")
