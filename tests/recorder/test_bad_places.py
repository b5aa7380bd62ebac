"""``lastgasp-agent clear`` and ``dump`` where a ring has places that cannot be read or written, or is none."""

from __future__ import annotations

import errno
import posix
from pathlib import Path

import pytest
from made_blocks import block

from lastgasp.recorder import clear, dump, ring_file
from lastgasp.recorder.config import Config
from lastgasp.ring.scan import scan

SIZE = 4096
RING = 7


def bad(monkeypatch: pytest.MonkeyPatch, name: str, slot: int) -> None:
    """Make a slot one that ``pread`` or ``pwrite`` cannot get at."""
    real = getattr(posix, name)

    def refuse(fd: int, what: object, at: int) -> object:
        if at // SIZE == slot:
            raise OSError(errno.EIO, "Input/output error")
        return real(fd, what, at)

    monkeypatch.setattr(posix, name, refuse)


def configured(path: Path) -> Config:
    config = Config()
    config.ring_path = str(path)
    config.control_socket = ""
    return config


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    """A ring of 64 slots, the first 40 written."""
    path = tmp_path / "ring"
    path.write_bytes(b"".join(block(n, n, slots=64).data for n in range(40)) + bytes(24 * SIZE))
    return path


@pytest.mark.parametrize("slot", [0, 5])
def test_an_unreadable_place_does_not_keep_clear_from_the_others(
    slot: int, forty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        bad(patched, "pread", slot)
        assert clear.main(configured(forty), ["--have", "7:0-39"]) == 0
    with forty.open("rb") as file:
        assert sorted(one.slot for one in scan(file).blocks) == [slot, *range(31, 40)]


def test_a_place_that_cannot_be_written_is_told_after_the_others_are_cleared(
    forty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad(monkeypatch, "pwrite", 3)
    assert clear.main(configured(forty), ["--have", "7:0-39"]) == 1
    with forty.open("rb") as file:
        assert sorted(one.slot for one in scan(file).blocks) == [3, *range(31, 40)]
    assert capsys.readouterr().err == f"lastgasp-agent: {forty}: Input/output error; some of it may be cleared\n"


@pytest.mark.parametrize("slot", [0, 5])
@pytest.mark.parametrize("words", [[], ["--want", "0,5,6"]])
def test_an_unreadable_place_does_not_keep_dump_from_the_others(
    slot: int,
    words: list[str],
    forty: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    def sent() -> list[bytes]:
        assert dump.main(configured(forty), ["--frames", "0123abcd", *words]) == 0
        return capsysbinary.readouterr().out.splitlines()

    every = sent()
    bad(monkeypatch, "pread", slot)
    some = sent()
    # One frame a block here; the index, which comes first, is another.
    assert len(some) == len(every) - 1
    assert set(some[1:]) < set(every)


def test_a_folder_is_no_ring_without_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The length of a folder, where a file system tells one, can be 2^63 - 1."""
    assert dump.main(configured(tmp_path), ["--frames", "0123abcd"]) == 1
    assert capsys.readouterr().err.startswith(f"lastgasp-agent: {tmp_path}: Is a directory; ")


@pytest.mark.parametrize("configured_size", [8192, 32768])
def test_a_ring_whose_first_slot_is_blank_keeps_its_block_size(configured_size: int, forty: Path) -> None:
    assert clear.main(configured(forty), ["--have", "7:0-20"]) == 0
    config = configured(forty)
    config.ring_size, config.block_size, config.pmsg = 64 * SIZE, configured_size, False
    ring = ring_file.open_ring(config, b"b" * 16)
    ring.storage.close()
    assert (ring.block_size, ring.place.ring_id, ring.place.write_number, ring.place.head) == (SIZE, RING, 40, 40)
