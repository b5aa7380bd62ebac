"""Recordings as people send them: compressed, through a pipe, cut short on the way."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flash import EmulatedFlash
from workload import Workload, blank_ring

from lastgasp.ring import source
from lastgasp.timeline.load import LoadError, NoRecording, load

AGENT = Path(__file__).parents[2] / "agent"
COUNT = "from lastgasp.timeline.load import load; print(len(load('-')[0].boots[0].sample_at))"


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 1)
    for _ in range(200):
        work.sample()
    assert work.writer.flush()
    path = tmp_path / "ring"
    path.write_bytes(flash.image)
    return path


def samples(path: Path) -> int:
    (recording,) = load(str(path))
    return sum(len(boot.sample_at) for boot in recording.boots)


def test_a_compressed_recording_is_the_recording(ring: Path, tmp_path: Path) -> None:
    packed = tmp_path / "ring.gz"
    packed.write_bytes(gzip.compress(ring.read_bytes()))
    assert samples(packed) == samples(ring) == 200


@pytest.mark.parametrize("at", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("rest", [b"", bytes(9), bytes(2000)])
def test_of_a_spoilt_one_what_stands_before_the_damage_is_read(
    ring: Path, tmp_path: Path, at: float, rest: bytes
) -> None:
    packed = tmp_path / "ring.gz"
    whole = gzip.compress(ring.read_bytes())
    packed.write_bytes(whole[: int(len(whole) * at)] + rest)
    assert 10 < samples(packed) <= 200


def test_a_folder_may_hold_both(ring: Path, tmp_path: Path) -> None:
    (tmp_path / "two.gz").write_bytes(gzip.compress(ring.read_bytes()))
    assert len(load(str(tmp_path))) == 2


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_may_be_a_pipe(ring: Path, packed: bool) -> None:
    raw = ring.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        input=gzip.compress(raw) if packed else raw,
        env={**os.environ, "PYTHONPATH": str(AGENT)},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"200\n"


def test_what_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LIMIT", 1 << 20)
    packed = tmp_path / "zeros.gz"
    packed.write_bytes(gzip.compress(bytes(4 << 20)))
    with pytest.raises(LoadError, match=r"zeros\.gz: more than .* no recording is that large"):
        load(str(packed))


def test_the_file_in_a_folder_that_is_at_fault_is_named(
    ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LIMIT", 1 << 20)
    (tmp_path / "zeros.gz").write_bytes(gzip.compress(bytes(4 << 20)))
    with pytest.raises(LoadError, match=r"/zeros\.gz: more than"):
        load(str(tmp_path))


def test_gzip_of_no_recording_is_no_recording(tmp_path: Path) -> None:
    packed = tmp_path / "text.gz"
    packed.write_bytes(gzip.compress(b"hello" * 1000))
    with pytest.raises(NoRecording, match="no recording in these 5000 bytes"):
        load(str(packed))


@pytest.mark.parametrize("content", [b"", bytes(4096), b"\xff" * 4096])
def test_what_may_have_been_a_recording_is_told_apart_from_what_is_none(tmp_path: Path, content: bytes) -> None:
    """A text log is none; an erased or empty file may have been meant for one."""
    path = tmp_path / "ring"
    path.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        load(str(path))
    assert not isinstance(caught.value, NoRecording)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_what_has_no_end_is_refused(path: str) -> None:
    with pytest.raises(LoadError, match="a character device, which holds no recording"):
        load(path)
