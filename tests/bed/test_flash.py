"""Boards with a flash chip, and disks that are logged: what QEMU is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bed import bench, guest
from bed.errors import BedError
from bed.flash import AST2600, SABRELITE, FlashBoard
from bed.guest import Disk, arguments
from bed.kernel import KernelFiles
from bed.targets import BOARDS, KERNELS

BOTH = pytest.mark.parametrize("board", [SABRELITE, AST2600], ids=["sabrelite", "ast2600"])


@pytest.fixture
def kernel(tmp_path: Path) -> KernelFiles:
    """A package with a kernel and the device trees of both boards."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-1").touch()
    trees = tmp_path / "usr/lib/linux-image-1"
    trees.mkdir(parents=True)
    for board in (SABRELITE, AST2600):
        (trees / board.device_tree).touch()
    return KernelFiles([tmp_path])


@BOTH
def test_the_chip_is_a_file_of_its_size(board: FlashBoard, kernel: KernelFiles, tmp_path: Path) -> None:
    chip = board.fresh_chip(tmp_path / "chip,1")
    assert chip.read_bytes() == b"\xff" * board.chip_bytes
    command = board.arguments(kernel, chip)
    assert f"if=mtd,format=raw,file={tmp_path}/chip,,1" in command, "a comma in a path is doubled for QEMU"
    assert Path(command[command.index("-dtb") + 1]).name == board.device_tree
    chip.write_bytes(b"\xff" * (board.chip_bytes - 1))
    with pytest.raises(BedError, match=f"has {board.chip_bytes} bytes"):
        board.arguments(kernel, chip)


def test_a_kernel_without_the_board_is_told(kernel: KernelFiles) -> None:
    with pytest.raises(BedError, match="the kernel 1 has no other"):
        kernel.device_tree("other.dtb")


@pytest.mark.parametrize(("board", "chip"), [(SABRELITE, None), (BOARDS["armhf"], Path("/chip"))])
def test_a_chip_goes_with_its_board(
    board: FlashBoard, chip: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASTGASP_BED", str(tmp_path))
    setup = bench.Setup(board, KERNELS["6.1"], chip=chip)
    with pytest.raises(BedError, match="for a board that has one"), bench.booted(setup):
        pass


def test_a_disk_with_a_log_has_all_writes_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "require", lambda tool, package: f"/bin/{tool}")
    disks = [Disk(tmp_path / "root", "root"), Disk(tmp_path / "a,b", "medium", tmp_path / "log")]
    command = arguments(BOARDS["armhf"], Path("/k"), Path("/i"), "64M", disks, None, "")
    drive, logged = command[command.index("-drive") + 1], command[command.index("-blockdev") + 1]
    assert "blklogwrites" not in drive
    assert logged.startswith("driver=blklogwrites,node-name=medium,")
    assert f"file.filename={tmp_path}/a,,b,log.driver=file,log.filename={tmp_path}/log," in logged
    assert command.count("virtio-blk-device,drive=medium,serial=medium") == 1
