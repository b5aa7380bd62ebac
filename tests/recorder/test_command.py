"""lastgasp-agent as its users run it: a real process on this machine, asked, signalled, killed and started again."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lastgasp.recorder import clear, dump, follow
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "scripts/lastgasp-agent")]


class Device:
    """A folder with a configuration, and the agents that run on it."""

    def __init__(self, folder: Path) -> None:
        self.ring = folder / "data/ring"
        self.socket = folder / "sock"
        self.config = folder / "lastgasp.conf"
        self.agents: list[subprocess.Popen[str]] = []
        self.command = COMMAND
        self.configure()

    def configure(self, **changes: str) -> None:
        settings = {
            "ring_path": str(self.ring),
            "ring_size": "256k",
            "interval": "100ms",
            "pressure_interval": "100ms",
            "processes": "4096",
            "slow_interval": "1s",
            "control_socket": str(self.socket),
            "oom_score_adj": "keep",
            **changes,
        }
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))

    def start(self, wait: bool = True) -> subprocess.Popen[str]:
        agent = subprocess.Popen(
            [*self.command, "run", "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.agents.append(agent)
        if wait:
            until(lambda: agent.poll() is not None or self.samples() >= 3)
        return agent

    def samples(self) -> int:
        answer = self.run("status", "--json")
        return int(json.loads(answer.stdout)["samples"]) if answer.returncode == 0 else 0

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask_socket(self, request: str) -> str:
        """Ask the agent without reading its configuration."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.socket))
            client.sendall(request.encode() + b"\n")
            return b"".join(iter(lambda: client.recv(4096), b"")).decode().strip()

    def stop(self, agent: subprocess.Popen[str]) -> tuple[int, str]:
        agent.send_signal(signal.SIGTERM)
        _, error = agent.communicate(timeout=30)
        return agent.returncode, error

    def end(self) -> None:
        """End all agents that still run."""
        for agent in self.agents:
            if agent.poll() is None:
                agent.kill()
            agent.communicate()

    def recording(self) -> Recording:
        (recording,) = load(str(self.ring))
        return recording

    def marks_in(self, raw: bytes) -> list[bytes]:
        """The marks in a copy of the ring."""
        copy = self.ring.with_name("copy")
        copy.write_bytes(raw)
        (recording,) = load(str(copy))
        return [e.values["text"] for boot in recording.boots for e in boot.events if e.kind == "mark"]

    def events(self, kind: str) -> list[dict[str, bytes]]:
        return [e.values for boot in self.recording().boots for e in boot.events if e.kind == kind]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    yield made
    made.end()


def test_it_records_this_machine_and_stops_cleanly(device: Device) -> None:
    agent = device.start()
    status, error = device.stop(agent)
    assert (status, error) == (0, "")
    recording = device.recording()
    assert recording.clean_stop
    assert recording.samples >= 3
    boot = recording.boots[0]
    assert any(process.pid == agent.pid for process in boot.processes.values())
    assert boot.latest("meminfo.slow", b"", "MemTotal")
    assert not device.socket.exists()


def test_the_ring_has_its_full_size_from_the_first_second_and_is_private(device: Device) -> None:
    device.start()
    found = device.ring.stat()
    assert found.st_size == 256 * 1024
    assert found.st_blocks * 512 >= 256 * 1024
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert stat.S_IMODE(device.ring.parent.stat().st_mode) == 0o700


def test_status_tells_what_it_costs_and_cannot_see(device: Device) -> None:
    agent = device.start()
    text = device.run("status").stdout
    facts = json.loads(device.run("status", "--json").stdout)
    assert facts["pid"] == agent.pid
    assert facts["private_dirty_kb"] > 500
    assert facts["ring_bytes"] == 256 * 1024
    assert facts["write_errors"] == 0
    for name in ("pss_kb", "cpu_s", "samples", "blocks_written", "bytes_per_day", "flash_years", "oldest_sample"):
        assert name in facts
        assert f"\n{name}: " in text
    assert facts["bytes_per_day"] is None, "no rate is made up from the first seconds"


def test_a_mark_is_on_flash_after_a_flush(device: Device) -> None:
    device.start()
    assert device.run("mark", "test 7: caf\u00e9").returncode == 0
    assert device.run("flush").returncode == 0
    assert device.events("mark") == [{"text": "test 7: caf\u00e9".encode()}]


def test_a_dump_is_the_ring_flushed(device: Device) -> None:
    agent = device.start()
    assert device.run("mark", "now").returncode == 0
    dumped = subprocess.run(
        [*COMMAND, "dump", "--config", str(device.config)], capture_output=True, timeout=60, check=True
    )
    assert len(dumped.stdout) == 256 * 1024
    assert b"now" in device.marks_in(dumped.stdout)
    device.stop(agent)
    assert device.events("mark") == [{"text": b"now"}]


def test_a_dump_works_without_an_agent(device: Device) -> None:
    device.stop(device.start())
    dumped = subprocess.run(
        [*COMMAND, "dump", "--config", str(device.config)], capture_output=True, timeout=60, check=True
    )
    assert dumped.stdout == device.ring.read_bytes()


def test_sigusr1_flushes(device: Device) -> None:
    agent = device.start()
    device.run("mark", "before the signal")
    agent.send_signal(signal.SIGUSR1)
    until(lambda: device.ring.read_bytes().count(b"lastgasp") > 0 and bool(device.events("mark")))


def test_sighup_reads_the_configuration_again(device: Device) -> None:
    agent = device.start()
    device.configure(interval="1h", pressure_interval="1h")
    agent.send_signal(signal.SIGHUP)
    until(lambda: device.run("flush").returncode == 0 and bool(device.events("config")))
    time.sleep(0.5)
    before = device.samples()
    time.sleep(1)
    assert device.samples() == before
    device.stop(agent)
    assert device.events("config") == [{"read": b"ok"}]


def test_a_mistake_in_the_configuration_changes_nothing_and_is_noted(device: Device) -> None:
    agent = device.start()
    device.configure(interval="never")
    agent.send_signal(signal.SIGHUP)
    until(lambda: device.ask_socket("flush") == "ok" and bool(device.events("config")))
    before = device.ask_socket("status json")
    until(lambda: device.ask_socket("status json") != before)
    device.stop(agent)  # a ring that is read while it is written may lack its newest block
    (event,) = device.events("config")
    assert b"interval = 'never' will not do" in event["error"]


def test_a_killed_agent_loses_only_what_was_not_flushed_and_the_next_goes_on(device: Device) -> None:
    agent = device.start()
    device.run("mark", "first run")
    device.run("flush")
    agent.kill()
    agent.wait()
    assert not device.recording().clean_stop
    agent = device.start()
    device.run("mark", "second run")
    device.stop(agent)
    assert [values["text"] for values in device.events("mark")] == [b"first run", b"second run"]
    recording = device.recording()
    assert len(recording.boots) == 1
    assert recording.missing == recording.undecodable == 0
    assert len(device.events("start")) == 2


def test_a_second_agent_on_the_same_ring_refuses(device: Device) -> None:
    device.start()
    second = device.start(wait=False)
    _, error = second.communicate(timeout=30)
    assert second.returncode == 1
    assert error == f"lastgasp-agent: {device.ring}: another agent writes to this ring; stop it, or set ring_path\n"
    assert device.samples() >= 3, "the first one is still there"


def test_asking_without_an_agent_says_how_to_start_one(device: Device) -> None:
    for words in (("status",), ("mark", "x"), ("flush",)):
        asked = device.run(*words)
        assert asked.returncode == 3
        assert asked.stderr.count("\n") == 1
        assert "start it with: lastgasp-agent run" in asked.stderr


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["frobnicate"], 2, "no such command"),
        (["mark"], 2, 'a mark is one text, in quotes: lastgasp-agent mark "test 7"'),
        (["mark", "test", "7"], 2, "a mark is one text, in quotes"),
        (["run", "fast"], 2, "run takes no 'fast'"),
        (["status", "--xml"], 2, "see --help"),
        (["mark", "x" * 257], 2, "a mark has 256 bytes at most"),
        ([], 2, ""),
    ],
)
def test_wrong_use_is_one_line_or_the_help(device: Device, words: list[str], status: int, text: str) -> None:
    done = device.run(*words)
    assert done.returncode == status
    assert text in done.stderr
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize("words", [["--help"], ["help"], ["run", "--help"], ["mark", "-h"]])
def test_help_shows_every_command_and_the_exit_statuses(words: list[str]) -> None:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True)
    for word in ("run", "status", "mark", "flush", "dump", "tune", "selftest", "exit status"):
        assert word in done.stdout
    for option in {*dump.OPTIONS, *clear.OPTIONS, *follow.OPTIONS}:
        assert option in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_a_wrong_configuration_is_one_line_and_nothing_is_started(device: Device) -> None:
    device.configure(interval="0s")
    done = device.run("run")
    assert done.returncode == 2
    assert done.stderr.startswith(f"lastgasp-agent: {device.config}:3: interval = '0s' will not do; allowed: 100ms")
    assert not device.ring.exists()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/proc/ring", "/proc/ring: "),
        ("/nonexistent/deep/ring", "no such folder"),
        ("/dev", "is a folder"),
    ],
)
def test_a_ring_that_cannot_be_made_is_one_line_with_a_remedy(device: Device, path: str, text: str) -> None:
    device.configure(ring_path=path)
    done = device.run("run")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert text in done.stderr


def test_a_ring_on_memory_is_said(device: Device) -> None:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no /dev/shm here")
    path = f"/dev/shm/lastgasp-test-{os.getpid()}"
    device.configure(ring_path=path)
    try:
        agent = device.start()
        _, error = device.stop(agent)
    finally:
        os.unlink(path)
    assert error == f"lastgasp-agent: {path} is on tmpfs: it will not outlive a power cycle\n"


def test_a_ring_full_of_garbage_is_taken_over(device: Device) -> None:
    device.ring.parent.mkdir()
    device.ring.write_bytes(os.urandom(256 * 1024))
    device.stop(device.start())
    assert device.recording().clean_stop


def test_a_ring_grows_when_told_and_keeps_what_it_holds(device: Device) -> None:
    device.stop(device.start())
    device.configure(ring_size="512k")
    agent = device.start()
    _, error = device.stop(agent)
    assert "ring grows from 262144 to 524288 bytes" in error
    assert device.ring.stat().st_size == 512 * 1024
    assert len(device.events("start")) == 2
    device.configure()
    agent = device.start()
    _, error = device.stop(agent)
    assert f"ring keeps its size of 524288 bytes; to shrink it, remove {device.ring}" in error


def test_a_symbolic_link_is_not_followed(device: Device) -> None:
    device.ring.parent.mkdir()
    target = device.ring.parent / "target"
    target.write_text("precious")
    device.ring.symlink_to(target)
    assert device.run("run").returncode == 1
    assert target.read_text() == "precious"


def test_selftest_names_what_is_absent_and_what_it_costs(device: Device) -> None:
    done = device.run("selftest")
    lines = done.stdout.splitlines()
    assert any(line == "ok      /proc/meminfo" for line in lines)
    assert all(line.startswith(("ok      ", "absent  ")) for line in lines)
    for line in lines:
        if line.startswith("absent"):
            assert ": " in line


def test_an_agent_that_was_started_without_standard_error_records_all_the_same(device: Device) -> None:
    device.ring.parent.mkdir()
    device.ring.write_bytes(bytes(512 * 1024))  # larger than configured: there is something to say
    script = f"exec {' '.join(COMMAND)} run --config {device.config} 2>&-"
    agent = subprocess.Popen(["sh", "-c", script])
    try:
        until(lambda: agent.poll() is not None or device.samples() >= 1)
        assert agent.poll() is None
    finally:
        agent.terminate()
        agent.wait(30)
    assert agent.returncode == 0


def test_no_descriptor_would_be_inherited(device: Device) -> None:
    agent = device.start()
    folder = Path(f"/proc/{agent.pid}/fdinfo")
    for entry in folder.iterdir():
        if int(entry.name) > 2:
            (flags,) = [line.split()[1] for line in entry.read_text().splitlines() if line.startswith("flags:")]
            assert int(flags, 8) & os.O_CLOEXEC, os.readlink(folder.with_name("fd") / entry.name)


def without_privileges() -> None:
    """In the child: no CAP_IPC_LOCK and no CAP_SYS_RESOURCE after exec, and nothing may be locked."""
    library = ctypes.CDLL(None)
    for capability in (14, 24):
        library.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))


def test_what_protects_the_agent_and_is_refused_is_noted_not_fatal(device: Device) -> None:
    device.configure(oom_score_adj="-999", lock_memory="yes")
    agent = subprocess.Popen([*COMMAND, "run", "--config", str(device.config)], preexec_fn=without_privileges)
    try:
        until(lambda: agent.poll() is not None or device.samples() >= 1)
        status = device.run("status").stdout
    finally:
        agent.terminate()
        agent.wait(30)
    assert agent.returncode == 0
    assert "\nnote: oom_score_adj -999 was refused (errno 13): that takes CAP_SYS_RESOURCE\n" in status
    assert "\nnote: memory could not be locked: samples may be late when memory is short\n" in status
    (start,) = device.events("start")
    assert b"memory could not be locked" in start["note"], "the last note wins in a dict of them"
