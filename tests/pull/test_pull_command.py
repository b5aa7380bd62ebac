"""The commands around pulling, as their users type them: images, what was pulled, and room again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_blocks import block

from lastgasp.cli.main import main
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
    assert said(capsys, "prune", "-o", str(kept))[0] == 1, "nobody said which"
    assert said(capsys, "prune", "nobody", "-o", str(kept))[0] == 1
    assert "Nothing to delete" in said(capsys, "prune", "--older", "1h", "--yes", "-o", str(kept))[1]
    assert folder.exists()
    assert "Deleted 1 recording" in said(capsys, "prune", folder.name, "--yes", "-o", str(kept))[1]
    assert not folder.exists()


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
    "words",
    [
        (),
        ("a", "--hosts", "b"),
        ("a", "b", "--clear"),
        ("a", "b", "--jobs", "0"),
        ("--hosts", "/nonexistent"),
        ("tcp:nowhere",),
        ("tcp:host:99999",),
        ("host:0",),
        ("/dev/null",),
        ("/nonexistent/ring",),
        ("/",),
        ("unix:",),
    ],
)
def test_wrong_targets_are_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    status, out, err = said(capsys, "pull", *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("lastgasp: ")
