"""The tree that scripts/build-bytecode makes, run as a device runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_command import Device, until

from firmware import bytecode
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


def test_all_that_the_agent_is_asked_for_works_without_what_the_tree_leaves_out(device: Device) -> None:
    """Names of system calls and codecs are taken out of the interpreter; what is loaded later needs some of them."""
    device.configure(alert_available="100%", mapping_interval="1s", slow_interval="1s", alert_growth="python3 1k/h")
    agent = device.start()
    until(lambda: device.samples() > 15)
    assert device.run("status").returncode == 0
    device.configure(interval="200ms", alert_available="100%")
    agent.send_signal(signal.SIGHUP)
    assert device.run("selftest").returncode == 0
    assert device.run("flush").returncode == 0
    device.configure(interval="rubbish")
    agent.send_signal(signal.SIGHUP)
    until(lambda: device.ask_socket("flush") == "ok" and len(device.events("config")) == 2)
    assert device.stop(agent) == (0, "")
    assert [sorted(values) for values in device.events("config")] == [["read"], ["error"]]
    assert device.events("alert")


def test_what_posix_itself_looks_up_there_stays() -> None:
    """With CPython 3.13.15 the agent ended at its start: sysconf() asks posix.sysconf_names."""
    names = bytecode.posix_names(bytecode.device_modules())
    assert {"sysconf", "sysconf_names"} <= names
    assert not {"confstr_names", "pathconf_names", "fork"} & names, "and nothing more"


def test_tuning_works_there(device: Device) -> None:
    name = f"lgb{os.getpid()}"  # nobody but our child is called so
    rename = f"open('/proc/self/comm', 'w').write('{name}'); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", rename], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        adj = Path(f"/proc/{child.pid}/oom_score_adj")
        was = adj.read_text()
        device.configure(tune=f"/nobody/* 7, {name} 500")
        agent = device.start()
        until(lambda: adj.read_text() == "500\n")
        assert device.run("tune", "--dry-run").stdout.startswith("would change 0 processes; 1 more as wanted already\n")
        reverted = device.run("tune", "--revert")
        assert (reverted.returncode, adj.read_text()) == (0, was)
        agent.send_signal(signal.SIGHUP)
        until(lambda: adj.read_text() == "500\n")
        assert device.run("tune", "--revert").returncode == 0
        assert device.run("tune", "--apply").stdout == f"{child.pid} {name}: oom_score_adj {was.strip()} -> 500\n"
        assert device.stop(agent) == (0, "")
        assert len(device.events("tune")) == 5
    finally:
        child.kill()
        child.communicate()


def test_waiting_for_the_ring_and_telling_systemd_works_there(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "4000000")
        device.ring = tmp_path / "late/data/ring"
        device.configure()
        agent = subprocess.Popen(
            [*device.command, "run", "--wait", "--config", str(device.config)], stderr=subprocess.PIPE, text=True
        )
        device.agents.append(agent)
        heard = [manager.recv(4096) for _ in range(3)]
        (tmp_path / "late").mkdir()
        while heard[-1] != b"STATUS=recording":
            heard.append(manager.recv(4096))
        assert heard[1].startswith(b"STATUS=waiting: ")
        assert b"WATCHDOG=1" in heard
        status, error = device.stop(agent)
        assert (status, error.count("\n")) == (0, 1)
        assert error.startswith("lastgasp-agent: recording began after ")


def test_what_tunes_waits_or_tells_systemd_is_not_among_what_every_agent_loads(command: list[str]) -> None:
    hot = Path(command[-1]).with_suffix(".hot").read_bytes()
    assert b"lastgasp.recorder.processes" in hot
    for name in (b"tune", b"late_ring", b"notify"):
        assert b"lastgasp.recorder." + name not in hot


@pytest.mark.parametrize("language", ["C", "C.UTF-8", "de_DE.ISO-8859-15"])
def test_it_runs_whatever_the_language_of_the_init_script(
    device: Device, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    agent = device.start()
    assert device.stop(agent) == (0, "")
    device.configure(ring_path="/proc/caf\u00e9")
    refused = device.run("run")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
