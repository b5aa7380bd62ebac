"""``lastgasp pull`` as users type it: targets, one device and many, what goes wrong, and what is told."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from pull_commands import RECORDING, SECTIONS, said

from lastgasp.cli.pulling import pull_one
from lastgasp.pull import PullError, session, target
from lastgasp.pull.identity import Identity
from lastgasp.pull.progress import Progress
from lastgasp.pull.session import Result


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (2, ()),
        (2, ("a", "--hosts", "b")),
        (2, ("a", "b", "--clear")),
        (2, ("a", "b", "--jobs", "0")),
        (2, ("a", "--clear", "--without-agent")),
        (2, ("tcp:nowhere",)),
        (2, ("tcp:host:99999",)),
        (2, ("host:0",)),
        (2, ("a\0b",)),
        (2, ("unix:/a\nb", "c")),
        (2, ("a", "--ring", "/x\ny")),
        (2, ("a", "--ring", "/x\0y")),
        (2, (str(RECORDING), "a")),
        (2, (str(RECORDING), "--clear", "--yes")),
        (2, (str(RECORDING), "--last", "1m")),
        (1, ("--hosts", "/nonexistent")),
        (1, ("tcp:host..lan:5555",)),
        (1, ("/dev/null",)),
        (1, ("/nonexistent/ring",)),
        (1, ("/",)),
        (1, ("unix:",)),
    ],
)
def test_wrong_targets_are_one_line(capsys: pytest.CaptureFixture[str], expected: int, words: tuple[str, ...]) -> None:
    status, out, err = said(capsys, "pull", *words)
    assert (status, out, err.count("\n")) == (expected, "", 1)
    assert err.startswith("lastgasp: ")
    assert "bug" not in err


def result_of(folder: Path) -> Result:
    return Result(Identity("board"), folder / "a b" / "board-1", progress=Progress(done_bytes=2000, blocks=2))


def test_a_device_that_fails_in_whatever_way_keeps_nobody_from_the_others(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broke_off = PullError("/dev/ttyX: the device does not answer any more")
    broke_off.kept = 5

    def pulled(_: argparse.Namespace, name: str, *__: object, **___: object) -> Result:
        if name == "good":
            return result_of(kept)
        raise {"odd": ZeroDivisionError("by a device"), "half": broke_off, "gone": OSError(5, "no luck", "/x")}[name]

    monkeypatch.setattr(pull_one, "one", pulled)
    hosts = tmp_path / "hosts"
    hosts.write_text("odd\nhalf\ngone\ngood\n")
    status, out, err = said(capsys, "pull", "--hosts", str(hosts), "-o", str(kept))
    assert status == 3
    lines = out.splitlines()
    assert lines[0] == "Pulled from 1 of 4 devices: 2 new blocks, 2.0 kB."
    assert lines[1] == "5 new blocks came of 1 that broke off: pull again."
    assert [line.split(":")[0] for line in lines[2:5]] == ["  failed  odd", "  failed  half", "  failed  gone"]
    assert "ZeroDivisionError: by a device" in lines[2]
    assert lines[-1] == f"Next: lastgasp fleet '{kept}/a b'"
    assert err.count("\n") == 4
    hosts.write_text("half\n")
    status, out, _ = said(capsys, "pull", "--hosts", str(hosts), "-o", str(kept), "--json")
    assert (status, json.loads(out)["failed"]) == (
        3,
        [{"target": "half", "why": str(broke_off), "new_blocks": 5}],
    )
    status, out, err = said(capsys, "pull", "half", "-o", str(kept), "--json")
    assert (status, err.count("\n"), json.loads(out)["failed"][0]["new_blocks"]) == (3, 1, 5)
    assert {"failed", "new_blocks", "why"} <= set(re.findall(r"`([a-z_0-9]+)`", SECTIONS["pull"]))


def test_a_file_of_targets_with_what_no_target_has_is_refused_before_anything_is_pulled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_bytes(b"unix:/nonexistent\na\0b\n")
    status, out, err = said(capsys, "pull", "--hosts", str(hosts))
    assert (status, out, err) == (2, "", f"lastgasp: {hosts}: its target 2: there is a NUL byte in it\n")


def test_an_image_in_a_file_of_targets_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{RECORDING}\ntcp:host..lan:1\n")
    status, out, _ = said(capsys, "pull", "--hosts", str(hosts), "-o", str(tmp_path))
    assert status == 1
    assert f"is a flash image; pull it by itself: lastgasp pull {RECORDING}\n" in out
    assert "  failed  tcp:host..lan:1: 'host..lan' is no host name\n" in out


def test_what_is_done_is_told_of_a_bench_that_is_interrupted(
    kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulled(_: argparse.Namespace, name: str, __: object, halted: Callable[[], bool], ___: bool) -> Result:
        if name == "good":
            return result_of(kept)
        os.kill(os.getpid(), signal.SIGTERM)
        while not halted():
            time.sleep(0.01)
        raise PullError("stopped")

    monkeypatch.setattr(pull_one, "one", pulled)
    before = signal.getsignal(signal.SIGTERM)
    status, out, _ = said(capsys, "pull", "good", "hangs", "later", "--jobs", "1", "--json", "-o", str(kept))
    assert status == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
    told = json.loads(out)
    assert [one["target"] for one in told["devices"]] == ["good"]
    assert [one["target"] for one in told["failed"]] == ["hangs", "later"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_pull_of_one_device_ends_as_by_ctrl_c_by_whatever_signal(tmp_path: Path, number: signal.Signals) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "console"))
        server.listen()
        command = [sys.executable, "-m", "lastgasp.cli.main", "pull", f"unix:{tmp_path}/console", "-o", str(tmp_path)]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        server.settimeout(60)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(100)
            child.send_signal(number)
            _, err = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert err == "lastgasp: interrupted; what came is kept, and the next pull goes on from there\n"


def test_the_rate_is_that_of_what_came_while_it_came() -> None:
    rate = pull_one.Rate()
    rate.saw(100, 1000.0)
    assert rate.per_second is None
    for done, now in ((300, 1001.0), (500, 1002.0), (0, 1100.0), (200, 1101.0)):  # silent for a while, and anew
        rate.saw(done, now)
    assert rate.per_second == 200


@pytest.mark.parametrize("answer", [False, True])
def test_whether_a_device_may_be_cleared_is_asked_before_it_is_reached(
    kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    order: list[object] = []

    def agreed(question: str) -> bool:
        order.append(question)
        return answer

    def reached() -> mock.Mock:
        order.append("wire")
        return mock.Mock()

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(pull_one, "agreed", agreed)
    monkeypatch.setattr(target, "wire", lambda *_: reached)

    def pulled(_: object, wanted: session.Options, __: object) -> Result:
        order.append(wanted.clear)
        return result_of(kept)

    monkeypatch.setattr(session, "pull", pulled)
    assert said(capsys, "pull", "board", "--clear", "-o", str(kept))[0] == 0
    assert order == ["Take what will be here off the flash of board?", "wire", answer]
