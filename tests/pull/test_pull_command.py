"""The commands around pulling, as their users type them: images, what was pulled, and room again."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from made_blocks import block

from lastgasp.cli.main import main
from lastgasp.cli.pulling import kept as kept_files
from lastgasp.cli.pulling import prune, pull_one
from lastgasp.pull import PullError, session, store, target
from lastgasp.pull.identity import Identity
from lastgasp.pull.progress import Progress
from lastgasp.pull.session import Result
from lastgasp.report import as_json

RECORDING = Path(__file__).parents[1] / "recordings" / "armhf-6.1-protected-leaker.ring.gz"
PAGE = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^# `lastgasp (\S+) --json`\n(.*?)(?=^# |\Z)", PAGE))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key != "put_together":  # its keys are data
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_an_image_is_pulled_once_and_told(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "pull", str(RECORDING), "-o", str(kept))
    assert (status, err) == (0, "")
    (file,) = kept.glob("*/*.lgr")
    lines = out.splitlines()
    assert lines[0] == f"Found 1 recording, 3 blocks, in {RECORDING} (1.0 MB)."
    assert lines[-1] == f"Next: lastgasp report {file}"
    assert "3 blocks, 3 new" in lines[1]
    assert "3 blocks, 0 new" in said(capsys, "pull", str(RECORDING), "-o", str(kept))[1]
    assert said(capsys, "report", str(file))[0] == 0
    assert file.parent.name.startswith("bed-"), "as the recording says the device is called"
    fleet = said(capsys, "fleet", str(kept))[1]
    assert "Without a recording" not in fleet
    assert "Cannot be read" not in fleet


def test_blocks_of_a_device_that_was_pulled_from_go_to_that_device(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "dump"
    image.write_bytes(b"".join(block(n, n).data for n in range(3)))
    said(capsys, "pull", str(image), "-o", str(kept))
    image.write_bytes(b"\xff" * 777 + b"".join(block(n, n).data for n in range(5)) + block(0, 0, ring=8).data)
    _, out, _ = said(capsys, "pull", str(image), "-o", str(kept), "--json")
    found = {one["ring"]: one for one in json.loads(out)["rings"]}
    assert {name: (one["blocks"], one["new_blocks"]) for name, one in found.items()} == {
        "0000000000000007": (5, 2),
        "0000000000000008": (1, 1),
    }
    assert len({Path(one["file"]).parent for one in found.values()}) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no recording is in it"),
        (bytes(100_000), "no recording is in it"),
        (block(0, 0).data[:-1] + b"\0", "no whole block of a recording is in it, but 1 place where one begins"),
        (b"LASTGASP-BLANK\n\0" + bytes(range(1, 256)) * 16, "a ring is in it that was never written"),
    ],
)
def test_an_image_without_a_recording_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, reason: str
) -> None:
    image = tmp_path / "dump\x1b[31m"
    image.write_bytes(content)
    status, out, err = said(capsys, "pull", str(image), "-o", str(tmp_path))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert reason in err
    assert "\x1b" not in err


def test_what_was_pulled_is_listed_and_deleted_after_a_yes_only(
    kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(capsys, "ls", "-o", str(kept))[1].startswith(f"Nothing was pulled to {kept} yet.")
    said(capsys, "pull", str(RECORDING), "-o", str(kept))
    (folder,) = kept.iterdir()
    status, out, _ = said(capsys, "ls", "-o", str(kept))
    assert (status, out.splitlines()[0]) == (0, f"1 device, 1 recording, 12.0 kB in {kept}")
    assert folder.name in out
    assert said(capsys, "prune", folder.name, "-o", str(kept))[0] == 1
    assert said(capsys, "prune", "-o", str(kept))[0] == 2, "nobody said which"
    assert said(capsys, "prune", "nobody", "-o", str(kept))[0] == 1
    assert "Nothing to delete" in said(capsys, "prune", "--older", "1h", "--yes", "-o", str(kept))[1]
    assert folder.exists()
    assert "Deleted 1 recording" in said(capsys, "prune", folder.name, "--yes", "-o", str(kept))[1]
    assert not folder.exists()


def test_only_what_was_listed_is_deleted_and_nothing_that_is_the_users(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "pull", str(RECORDING), "-o", str(kept))
    (file,) = kept.glob("*/*.lgr")
    file.with_suffix(".part").write_bytes(b"")
    for name in ("notes.txt", "2025.lgr.gz"):
        (file.parent / name).write_text("mine")
    assert said(capsys, "prune", file.parent.name, "--yes", "-o", str(kept))[0] == 0
    assert sorted(path.name for path in file.parent.iterdir()) == ["2025.lgr.gz", "notes.txt"]


def test_what_a_first_pull_brought_that_was_killed_is_listed_and_deleted(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "pull", str(RECORDING), "-o", str(kept))
    (file,) = kept.glob("*/*.lgr")
    file.rename(file.with_suffix(".part"))
    assert f"  {file.stem}.part  3 blocks, 12.0 kB" in said(capsys, "ls", "-o", str(kept))[1]
    assert said(capsys, "prune", file.parent.name, "--yes", "-o", str(kept))[0] == 0
    assert not file.parent.exists()


def test_what_came_while_it_was_asked_stays(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "dump"
    image.write_bytes(block(0, 0).data)
    said(capsys, "pull", str(image), "-o", str(kept))
    (file,) = kept.glob("*/*.lgr")
    os.utime(file, (0, 0))

    def yes(_: str) -> bool:
        image.write_bytes(block(0, 0).data + block(1, 1).data)
        said(capsys, "pull", str(image), "-o", str(kept))
        return True

    monkeypatch.setattr(prune, "agreed", yes)
    status, out, err = said(capsys, "prune", "--older", "30d", "-o", str(kept))
    assert (status, err) == (1, "lastgasp: 1 recording changed meanwhile and stayed\n")
    assert out.endswith("Deleted 0 recordings, 0 B.\n")
    assert file.read_bytes() == image.read_bytes()


def test_no_recording_is_read_to_be_deleted(
    kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store of many gigabytes would take minutes."""
    said(capsys, "pull", str(RECORDING), "-o", str(kept))
    read = mock.Mock(side_effect=OSError("read"))
    monkeypatch.setattr(kept_files, "scan", read)
    assert said(capsys, "ls", "-o", str(kept))[0] == 1, "this is what would have read it"
    (folder,) = kept.iterdir()
    assert said(capsys, "prune", folder.name, "--yes", "-o", str(kept))[0] == 0
    assert read.call_count == 1


def test_a_device_that_is_being_pulled_from_is_left_alone(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "pull", str(RECORDING), "-o", str(kept))
    (device,) = store.devices(kept)
    with device:
        status, _, err = said(capsys, "prune", device.path.name, "--yes", "-o", str(kept))
    assert (status, err.count("\n"), "a pull of this device is at work" in err) == (1, 1, True)
    assert len(list(kept.glob("*/*.lgr"))) == 1
    assert said(capsys, "prune", device.path.name, "--yes", "-o", str(kept))[0] == 0
    assert not device.path.exists()


def test_names_that_a_device_gave_itself_are_shown_harmless(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "pull", str(RECORDING), "-o", str(kept))
    (facts,) = kept.glob("*/.device.json")
    told = json.loads(facts.read_text())
    told.update(host="\x1b[2Jgate\nway", model="\x9b31m")
    facts.write_text(json.dumps(told))
    for words in ((), ("--json",)):
        out = said(capsys, "ls", "-o", str(kept), *words)[1]
        assert not set(out) & {"\x1b", "\x9b"}


def test_the_fields_of_json_are_explained_and_all_that_are_explained_exist(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = json.loads(said(capsys, "pull", str(RECORDING), "-o", str(kept), "--json")[1])
    listed = json.loads(said(capsys, "ls", "-o", str(kept), "--json")[1])
    explained = {name: set(re.findall(r"`([a-z_0-9]+)`", SECTIONS[name])) for name in ("pull", "ls")}
    assert set(keys(image)) <= explained["pull"]
    assert explained["ls"] - {"1", "boot", "bytes"} <= set(keys(listed)) <= explained["ls"]


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


def test_several_images_are_all_tried_and_one_json_tells_of_all(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(bytes(9999))
    status, out, err = said(capsys, "pull", str(bad), str(RECORDING), "-o", str(kept), "--json")
    assert (status, err.count("\n")) == (3, 1)
    assert [("failed" in one, "rings" in one) for one in json.loads(out)] == [(True, False), (False, True)]
    assert len(list(kept.glob("*/*.lgr"))) == 1
    assert said(capsys, "pull", str(bad), str(bad), "-o", str(kept))[0] == 1
    assert said(capsys, "pull", str(RECORDING), str(RECORDING), "-o", str(kept))[0] == 0


def test_an_image_of_a_ring_that_was_put_back_is_kept_beside_what_was_there(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "dump"
    old = [block(n, n, payload=b"old").data for n in (0, 1, 2, 5, 6)]
    new = [block(n, n, payload=b"old" if n < 2 else b"new").data for n in range(9)]
    image.write_bytes(b"".join(old))
    said(capsys, "pull", str(image), "-o", str(kept))
    image.write_bytes(b"".join(new))
    status, out, err = said(capsys, "pull", str(image), "-o", str(kept))
    assert (status, err) == (0, "")
    assert "9 blocks, 9 new" in out
    assert "note: the ring was put back to an earlier state" in out
    files = {path.name: path.read_bytes() for path in kept.glob("*/*.lgr")}
    assert files == {"0000000000000007-before-1.lgr": b"".join(old), "0000000000000007.lgr": b"".join(new)}
    status, out, _ = said(capsys, "pull", str(image), "-o", str(kept))
    assert (status, "0 new" in out, "note:" in out) == (0, True, False)


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


def test_what_was_pulled_whole_is_not_called_cut(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where its blocks happen to lie as they did in a ring that has not come round yet, or begin later."""
    real = Path(__file__).parents[1] / "recordings" / "oom" / "groups-0.ring.gz"
    said(capsys, "pull", str(real), "-o", str(kept))
    (file,) = kept.glob("*/*.lgr")
    whole = file.read_bytes()
    later = tmp_path / "later.lgr"
    later.write_bytes(whole[4096 * 5 :])
    for path in (file, later):
        assert "the copy is not complete" not in said(capsys, "report", str(path))[1]
    ring = gzip.decompress(real.read_bytes())
    short = tmp_path / "short.ring"
    short.write_bytes(ring[: 4096 * 8])
    assert "the copy is not complete" not in said(capsys, "report", str(short))[1], "nobody can know"
    short.write_bytes(ring[: 4096 * 8 + 100])
    assert "the copy is not complete" in said(capsys, "report", str(short))[1]
