"""``lastgasp-agent tune`` as its users run it: on real processes of this machine, all of them children of the test.

A value may be raised by anybody; to lower it below where it began takes CAP_SYS_RESOURCE, which a test may have or
not. So the children are raised, and what is lowered is expected to be refused or not by what the kernel says.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_command import COMMAND, Device, until, without_privileges

from lastgasp.recorder import tune_command
from lastgasp.recorder.config import Config

NAME = f"lgt{os.getpid() % 10**7}"  # no process but ours is called so
START = Callable[..., subprocess.Popen[str]]


def adj(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())


def comm(process: subprocess.Popen[str]) -> str:
    return Path(f"/proc/{process.pid}/comm").read_text().strip()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    yield made
    made.end()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    """Starts a child whose name and program nobody else has."""
    made: list[subprocess.Popen[str]] = []

    def starting(suffix: str = "a", preexec: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        program = tmp_path / (NAME + suffix)
        if not program.exists():
            sleep = shutil.which("sleep")
            assert sleep is not None
            shutil.copy(os.path.realpath(sleep), program)
        child = subprocess.Popen(["sleep", "1000"], executable=str(program), text=True, preexec_fn=preexec)
        made.append(child)
        until(lambda: comm(child) == program.name)  # exec is nearly through when Popen returns
        return child

    yield starting
    for child in made:
        child.kill()
        child.wait()


def test_the_agent_raises_children_as_they_come_and_puts_them_back(device: Device, start: START) -> None:
    first, was = start(), adj(start())
    device.configure(tune=f"{NAME}a 300, */{NAME}b 400")
    agent = device.start()
    until(lambda: adj(first) == 300)
    second, third = start("b"), start()
    until(lambda: (adj(second), adj(third)) == (400, 300))
    reverted = device.run("tune", "--revert")
    assert reverted.returncode == 0, reverted.stdout
    assert f"{first.pid} {NAME}a: oom_score_adj 300 -> {was}\n" in reverted.stdout
    assert [adj(child) for child in (first, second, third)] == [was] * 3
    applied = device.run("tune", "--apply")
    assert f"{second.pid} {NAME}b: oom_score_adj {was} -> 400\n" in applied.stdout
    assert device.stop(agent) == (0, "")
    assert adj(second) == 400, "a stop leaves it"
    told = [(values["name"], values["new"], "revert" in values) for values in device.events("tune")]
    assert told.count((f"{NAME}b".encode(), b"400", False)) == 2
    assert told.count((f"{NAME}b".encode(), b"%d" % was, True)) == 1


def test_sighup_applies_what_the_file_says_now(device: Device, start: START) -> None:
    child = start()
    agent = device.start()
    device.configure(tune=f"{NAME}a 300")
    agent.send_signal(signal.SIGHUP)
    until(lambda: adj(child) == 300)
    assert device.run("tune", "--revert").returncode == 0
    device.stop(agent)


def test_what_the_kernel_refuses_is_said_and_recorded_and_the_agent_goes_on(device: Device, start: START) -> None:
    child = start(preexec=without_privileges)
    was = adj(child)
    device.configure(tune=f"{NAME}a -999")
    agent = subprocess.Popen([*COMMAND, "run", "--config", str(device.config)], preexec_fn=without_privileges)
    try:
        until(lambda: agent.poll() is not None or device.samples() >= 3)
        applied = device.run("tune", "--apply")
    finally:
        agent.terminate()
        agent.wait(30)
    assert agent.returncode == 0
    assert applied.returncode == 1
    assert applied.stdout == f"{child.pid} {NAME}a: oom_score_adj {was} -> -999, refused (errno 13)\n"
    assert adj(child) == was
    assert [(values["wanted"], values["error"]) for values in device.events("tune")] == [(b"-999", b"13")] * 2


def test_without_an_agent_it_is_done_once_and_that_is_said(device: Device, start: START) -> None:
    child = start()
    was = adj(child)
    device.configure(tune=f"{NAME}a 300")
    done = device.run("tune", "--apply")
    assert (done.returncode, adj(child)) == (0, 300)
    assert done.stdout == f"{child.pid} {NAME}a: oom_score_adj {was} -> 300\n"
    assert "no agent is running" in done.stderr
    assert "nobody but you knows the old values" in done.stderr
    done = device.run("tune", "--apply")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no process has to be changed; no agent is running" in done.stderr
    assert device.run("tune", "--revert").returncode == 3


def test_show_and_dry_run_change_nothing(device: Device, start: START) -> None:
    child, other = start(), start("b")
    was = adj(child)
    device.configure(tune=f"{NAME}a 300, */{NAME}b {was}, {NAME}a* 7, {NAME}c 5, {NAME}-too-long-a-name -900")
    shown = device.run("tune", "--show")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    (line,) = [line for line in lines if line.split()[:1] == [str(child.pid)]]
    assert line.split()[1:5] == [f"{NAME}a", str(was), "->", "300"]
    assert int(line.split()[5]) > 0
    (line,) = [line for line in lines if line.split()[:1] == [str(other.pid)]]
    assert line.split()[1:3] == [f"{NAME}b", str(was)]
    assert f"{NAME}c 5: no process" in lines
    dry = device.run("tune", "--dry-run")
    assert dry.returncode == 0
    assert dry.stdout.startswith("would change 1 process; 1 more as wanted already\n")
    assert (
        f"\nwarning: {NAME}a* 7 is for no process that runs now but those that an earlier rule is for\n" in dry.stdout
    )
    assert f"\nwarning: {NAME}c 5 is for no process that runs now\n" in dry.stdout
    assert f"\nwarning: {NAME}-too-long-a-name -900 is for no process that runs now: a name has 15 bytes" in dry.stdout
    assert adj(child) == was


def test_without_rules_it_says_where_they_go(device: Device) -> None:
    shown = device.run("tune", "--show")
    assert (shown.returncode, shown.stdout.count("\n")) == (0, 1)
    for how in ("--dry-run", "--apply"):
        done = device.run("tune", how)
        assert done.returncode == 2
        assert "tune is empty in the configuration" in done.stderr


@pytest.mark.parametrize("words", [[], ["--now"], ["--show", "--apply"], ["apply"]])
def test_other_words_are_wrong_use(device: Device, words: list[str]) -> None:
    done = device.run("tune", *words)
    assert done.returncode == 2
    assert done.stderr == "lastgasp-agent: tune takes one of --show, --dry-run, --apply, --revert; see --help\n"


def test_never_killed_and_growing_is_warned_of_without_an_agent(device: Device, start: START) -> None:
    grows = f"import time; open('/proc/self/comm', 'w').write('{NAME}g'); kept = []; print(flush=True)\n"
    grows += "while True: kept.append(bytearray(100_000)); time.sleep(0.02)"
    grower = subprocess.Popen([sys.executable, "-c", grows], stdout=subprocess.PIPE, text=True)
    still = start()
    try:
        assert grower.stdout is not None
        grower.stdout.readline()
        device.configure(tune=f"{NAME}g -1000, {NAME}a -1000")
        done = device.run("tune", "--dry-run")
    finally:
        grower.kill()
        grower.communicate()
    (line,) = [line for line in done.stdout.splitlines() if "and grows" in line]
    assert line.startswith(f"warning: {grower.pid} {NAME}g would get -1000 and grows (by ")
    assert adj(still) != -1000


def one(pid: int, rule: int, wanted: int, rss_kb: int, adj: int = 0) -> tune_command.Found:
    found = tune_command.Found()
    found.pid, found.start, found.comm, found.rule, found.adj, found.wanted = pid, 1, b"n\x1b", rule, adj, wanted
    found.rss_kb = found.anonymous_kb = rss_kb
    return found


def rules(*pairs: tuple[bytes, int]) -> Config:
    config = Config()
    config.tune = pairs
    config.control_socket = ""
    return config


@pytest.mark.parametrize(("rss_kb", "warned"), [(500, False), (501, True)])
def test_more_than_half_of_ram_spared_is_warned_of(rss_kb: int, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_command, "ram_kb", lambda: 1200)
    monkeypatch.setattr(tune_command, "may_lower", lambda: True)
    everyone = [one(1, 0, -900, rss_kb), one(2, -1, -1000, 100, -1000), one(3, -1, 0, 5000)]
    found = tune_command.warnings(rules((b"n*", -900)), everyone)
    assert len(found) == warned
    if warned:
        assert found[0].startswith(
            "2 processes with -500 or less would hold 601 kB (RSS) of 1200 kB RAM, more than half"
        )


def test_what_the_agent_saw_growing_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_command, "WATCH_S", 0.0)
    monkeypatch.setattr(tune_command, "survey", lambda _: [])
    monkeypatch.setattr(tune_command, "may_lower", lambda: True)
    monkeypatch.setattr(tune_command, "ask", lambda *_: "ok 12 11\n")
    found = tune_command.warnings(rules((b"n*", -1000)), [one(1, 0, -1000, 1), one(11, 0, -1000, 1)])
    assert found == [
        "11 n? would get -1000 and grows (the agent saw it in the last ten minutes): if it leaks, all others are"
        " killed first"
    ]
    monkeypatch.setattr(tune_command, "ask", lambda *_: "error unknown request\n")
    assert tune_command.warnings(rules((b"n*", -1000)), [one(11, 0, -1000, 1)]) == []


def test_that_it_may_be_refused_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_command, "may_lower", lambda: False)
    monkeypatch.setattr(tune_command, "ram_kb", lambda: 0)
    assert tune_command.warnings(rules((b"n*", 5)), [one(1, 0, 5, 1)]) == []
    (warning,) = tune_command.warnings(rules((b"n*", -5)), [one(1, 0, -5, 1)])
    assert "CAP_SYS_RESOURCE" in warning
