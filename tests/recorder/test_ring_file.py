"""Opening a ring: what stands at its path, on which file systems, and what a failure leaves behind."""

from __future__ import annotations

import errno
import posix
from pathlib import Path

import pytest

from lastgasp.recorder import ring_file
from lastgasp.recorder.config import Config

SIZE = 128 * 1024


def configured(path: Path, **settings: object) -> Config:
    config = Config()
    config.ring_path = str(path)
    config.ring_size = SIZE
    for name, value in settings.items():
        setattr(config, name, value)
    return config


def opened(config: Config) -> ring_file.OpenedRing:
    ring = ring_file.open_ring(config, bytes(16))
    ring.storage.close()
    return ring


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_preallocate_is_filled_all_the_same(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UBIFS and JFFS2 have no fallocate, and only glibc emulates it."""

    def refuse(*_: object) -> None:
        raise OSError(number, "emulated")

    monkeypatch.setattr(posix, "posix_fallocate", refuse)
    assert opened(configured(tmp_path / "ring")).place.slots == SIZE // 4096
    assert (tmp_path / "ring").stat().st_blocks * 512 >= SIZE


@pytest.mark.parametrize("before", [0, 60 * 1024])
def test_a_ring_that_finds_no_room_gives_back_what_it_took(
    before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ring"
    path.write_bytes(bytes(before))
    written = 0
    write = posix.pwrite

    def until_full(*arguments: object) -> int:
        nonlocal written
        written += 1
        if written > 10:
            raise OSError(errno.ENOSPC, "emulated")
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(posix, "pwrite", until_full)
    with pytest.raises(ring_file.RingError, match="no space left on the file system"):
        opened(configured(path))
    assert path.stat().st_size == before
