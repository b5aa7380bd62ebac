"""``lastgasp pull`` of flash images, as users type it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from made_blocks import block
from pull_commands import RECORDING, said


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


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
