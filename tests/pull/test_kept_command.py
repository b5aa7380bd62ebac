"""What was pulled, as users list it and delete it: ``lastgasp ls``, ``lastgasp prune``, and their JSON."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from unittest import mock

import pytest
from made_blocks import block
from pull_commands import RECORDING, SECTIONS, keys, said

from lastgasp.cli.pulling import kept as kept_files
from lastgasp.cli.pulling import prune
from lastgasp.pull import store


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


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
