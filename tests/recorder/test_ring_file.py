"""Opening a ring: what stands at its path, on which file systems, and what a failure leaves behind."""

from __future__ import annotations

import errno
import os
import posix
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lastgasp.recorder import ring_file, selftest
from lastgasp.recorder.config import Config
from lastgasp.ring.format import BLANK_MAGIC
from lastgasp.ring.writer import RingWriter

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


def test_what_is_neither_file_nor_block_device_is_not_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watchdog starts when it is opened; a bare flash device would be written without being erased."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(posix, "open", None)
    for path, kind in (
        (tmp_path / "pipe", "a pipe"),
        (tmp_path / "link", "a symbolic link"),
        (Path("/dev/null"), "a ch"),
    ):
        with pytest.raises(ring_file.RingError, match=f"{path}: is {kind}"):
            opened(configured(path))
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    """A block device of 256 KiB, where we may make one."""
    image = tmp_path / "image"
    image.write_bytes(bytes(2 * SIZE))
    try:
        made = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no loop device here, or not ours to use")
    name = made.stdout.strip()
    yield Path(name)
    subprocess.run(["losetup", "-d", name], check=True)


def test_a_block_device_is_a_ring_of_the_size_that_is_asked_for(device: Path) -> None:
    ring = opened(configured(device))
    assert (ring.place.slots, ring.file_system, ring.notes) == (SIZE // 4096, b"none: a block device", [])


def test_a_block_device_that_is_in_use_is_left_alone(device: Path) -> None:
    holder = os.open(device, os.O_RDWR | os.O_EXCL)  # as mount does
    try:
        with pytest.raises(ring_file.RingError, match="is in use: mounted, or written by another agent"):
            opened(configured(device))
    finally:
        os.close(holder)


def test_a_ring_that_grows_is_filled_in_blocks_of_its_own_size(tmp_path: Path) -> None:
    """In larger steps, the first would begin before the end of what is there."""
    path = tmp_path / "ring"
    config = configured(path, ring_size=35 * 4096)
    ring = ring_file.open_ring(config, bytes(16))
    writer = RingWriter(ring.storage, ring.place, 4096, bytes(16), lambda: 0)
    for number in range(35):
        writer.encoder.event(number, b"mark", [(b"text", b"%d" % number)])
        writer.flush()
        writer._close(0, b"", len(writer.encoder.payload), 0)  # the next event gets a block of its own
    ring.storage.close()
    before = path.read_bytes()
    grown = opened(configured(path, ring_size=2 * SIZE, block_size=32768))
    assert grown.block_size == 4096
    after = path.read_bytes()
    assert after[: len(before)] == before
    assert all(after[at : at + 16] == BLANK_MAGIC for at in range(len(before), len(after), 4096))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("folder", "is a folder: name a file in it"),
        ("link", "is a symbolic link: name a file or a block device"),
        ("pipe", "is a pipe: name a file or a block device"),
        ("a/b/ring", "No such file or directory; make it, or set ring_path"),
    ],
)
def test_selftest_refuses_what_the_agent_refuses(
    name: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "pipe")
    config = configured(tmp_path / name)
    assert selftest.ring(config) == 1
    assert complaint in capsys.readouterr().err
    with pytest.raises(ring_file.RingError):
        opened(config)


@pytest.mark.parametrize("name", ["ring", "new/ring"])
def test_selftest_takes_what_the_agent_takes_and_makes_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path / name)
    assert selftest.ring(config) == 0
    assert capsys.readouterr().out.startswith(("ok ", "absent "))
    assert not list(tmp_path.iterdir())
    opened(config)
    assert selftest.ring(config) == 0


def test_selftest_asks_for_the_room_that_is_still_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.ring(configured(tmp_path / "ring", ring_size=1 << 60)) == 1
    assert "bytes free, the ring needs 1152921504606846976; set ring_size" in capsys.readouterr().err


def test_selftest_sees_a_device_that_is_in_use(device: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.ring(configured(device)) == 0
    holder = os.open(device, os.O_RDWR | os.O_EXCL)
    try:
        assert selftest.ring(configured(device)) == 1
    finally:
        os.close(holder)
    assert "is in use: mounted" in capsys.readouterr().err


def test_what_is_said_of_file_systems_is_true_of_them() -> None:
    assert ring_file.doubts(b"tmpfs") == "is on tmpfs: it will not outlive a power cycle"
    assert "only if the upper folder does" in ring_file.doubts(b"overlay")
    assert not ring_file.doubts(b"ubifs")


def test_a_file_on_overlay_is_told_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the layers are different file systems, its device is one that is mounted nowhere."""

    real = posix.stat

    def of_overlay(path: str) -> object:
        if not path.startswith(str(tmp_path)):
            return real(path)  # of a module that is imported
        return SimpleNamespace(st_dev=os.makedev(0, 41 if Path(path).is_dir() else 99))

    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text("30 1 0:41 / / rw - overlay overlay rw,lowerdir=/rom\n")
    monkeypatch.setattr(posix, "stat", of_overlay)
    ring = ring_file.open_ring(configured(tmp_path / "ring"), bytes(16), f"{tmp_path}/".encode())
    ring.storage.close()
    assert ring.file_system == b"overlay"
    assert ring.notes == [f"{tmp_path}/ring is on overlay: it outlives a power cycle only if the upper folder does"]
