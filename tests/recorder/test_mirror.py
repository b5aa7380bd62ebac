"""What is not on flash yet is mirrored to persistent RAM, piece by piece, and can be put together from there."""

from __future__ import annotations

import os
import posix
from pathlib import Path

import pytest
from taped import Taped

from lastgasp.recorder.mirror import Mirror
from lastgasp.ring import pmsg


def mirrored(taped: Taped, path: Path) -> Mirror:
    return Mirror(taped.writer, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))


def say(taped: Taped, number: int) -> None:
    taped.encoder.event(number, b"mark", [(b"text", b"%d" % number)])


def recovered(taped: Taped, path: Path) -> bytes:
    found = pmsg.recover(path.read_bytes(), taped.writer.place.ring_id)
    return found.payload if found else b""


def test_the_pieces_make_up_the_payload(taped: Taped, tmp_path: Path) -> None:
    mirror = mirrored(taped, tmp_path / "pmsg0")
    for number in range(5):
        say(taped, number)
        mirror.update()
        assert recovered(taped, tmp_path / "pmsg0") == taped.encoder.payload
    mirror.update()
    assert recovered(taped, tmp_path / "pmsg0") == taped.encoder.payload


def test_a_new_block_begins_anew(taped: Taped, tmp_path: Path) -> None:
    mirror = mirrored(taped, tmp_path / "pmsg0")
    while taped.writer.place.block_number < 3:
        say(taped, len(taped.encoder.payload))
        taped.encoder.event(0, b"mark", [(b"text", os.urandom(200))])
        mirror.update()
    say(taped, 0)
    mirror.update()
    assert 0 < len(recovered(taped, tmp_path / "pmsg0")) == len(taped.encoder.payload)


def test_a_piece_that_was_refused_leaves_no_hole(taped: Taped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = mirrored(taped, tmp_path / "pmsg0")

    def refuse(*_: object) -> int:
        raise OSError(12, "emulated")

    for number in range(6):
        say(taped, number)
        with monkeypatch.context() as emulated:
            if number == 2:
                emulated.setattr(posix, "write", refuse)
            mirror.update()
    assert mirror.errno == 12
    assert recovered(taped, tmp_path / "pmsg0") == taped.encoder.payload
