"""Kernels and programs out of unpacked packages: images, modules and what they need, shared libraries."""

from __future__ import annotations

import lzma
import struct
import sys
from pathlib import Path

import pytest

from bed import elf
from bed.errors import BedError
from bed.kernel import KernelFiles, dependencies


def module(*needs: str, softdep: str = "") -> bytes:
    """What matters of a module: its description among other bytes."""
    lines = ["", "license=GPL", f"depends={','.join(needs)}", *([f"softdep={softdep}"] if softdep else []), "x=y", ""]
    return b"\x7fELF..." + "\0".join(lines).encode() + b"..."


def put(path: Path, data: bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class TestKernel:
    def test_image_and_release_of_one_package(self, tmp_path: Path) -> None:
        put(tmp_path / "boot/vmlinuz-6.1.0-50-armmp")
        kernel = KernelFiles([tmp_path])
        assert (kernel.image.name, kernel.release) == ("vmlinuz-6.1.0-50-armmp", "6.1.0-50-armmp")

    def test_image_and_modules_in_packages_of_their_own(self, tmp_path: Path) -> None:
        put(tmp_path / "binary/usr/lib/modules/7.2.13+deb14-armmp/vmlinuz")
        put(tmp_path / "modules/usr/lib/modules/7.2.13+deb14-armmp/kernel/fs/ext4.ko.xz", lzma.compress(module()))
        kernel = KernelFiles([tmp_path / "modules", tmp_path / "binary"])
        assert kernel.release == "7.2.13+deb14-armmp"
        assert kernel.modules(["ext4"]) == {"ext4": module()}

    def test_without_an_image(self, tmp_path: Path) -> None:
        with pytest.raises(BedError, match="no kernel image"):
            KernelFiles([tmp_path])

    def test_what_a_module_needs_comes_before_it_and_once(self, tmp_path: Path) -> None:
        put(tmp_path / "boot/vmlinuz-1")
        needs: dict[str, list[str]] = {"ext4": ["mbcache", "jbd2"], "jbd2": ["crc32c"], "mbcache": [], "crc32c": []}
        for name, needed in needs.items():
            put(tmp_path / f"lib/modules/1/kernel/{name}.ko", module(*needed))
        order = list(KernelFiles([tmp_path]).modules(["ext4", "jbd2"]))
        assert sorted(order) == sorted(needs)
        for name, needed in needs.items():
            assert all(order.index(need) < order.index(name) for need in needed)

    def test_names_are_known_by_dash_and_underscore(self, tmp_path: Path) -> None:
        put(tmp_path / "boot/vmlinuz-1")
        put(tmp_path / "lib/modules/1/kernel/virtio-blk.ko", module("virtio-ring"))
        put(tmp_path / "lib/modules/1/kernel/virtio_ring.ko", module())
        kernel = KernelFiles([tmp_path])
        assert (
            list(kernel.modules(["virtio_blk"]))
            == list(kernel.modules(["virtio-blk"]))
            == ["virtio_ring", "virtio_blk"]
        )

    def test_what_is_built_in_is_left_out(self, tmp_path: Path) -> None:
        put(tmp_path / "boot/vmlinuz-1")
        assert KernelFiles([tmp_path]).modules(["ext4"]) == {}

    def test_soft_dependencies_that_go_before_count(self) -> None:
        assert dependencies(module("a", "b-c", softdep="pre: crc32c d post: e")) == ["a", "b_c", "crc32c", "d"]
        assert dependencies(module(softdep="post: e")) == []
        assert dependencies(module()) == []


def program(order: str, wide: bool, *libraries: bytes) -> bytes:
    """An ELF file with nothing but a dynamic section: by the specification's tables, not by the reader's."""
    strings = b"\0" + b"".join(name + b"\0" for name in libraries)
    offsets = [strings.index(b"\0" + name + b"\0") + 1 for name in libraries]
    base, head, entry = 0x10000, 64 if wide else 52, 56 if wide else 32
    strings_at = head + 2 * entry
    dynamic_at = strings_at + len(strings)
    tags = [(1, at) for at in offsets] + [(5, base + strings_at), (0, 0)]
    dynamic = b"".join(struct.pack(order + ("qQ" if wide else "iI"), *tag) for tag in tags)
    size = dynamic_at + len(dynamic)
    if wide:
        header = struct.pack(order + "HHIQQQIHHHHHH", 3, 1, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        loads = [(1, 4, 0, base, base, size, size, 1), (2, 4, dynamic_at, base, base, len(dynamic), len(dynamic), 1)]
        table = b"".join(struct.pack(order + "IIQQQQQQ", *load) for load in loads)
    else:
        header = struct.pack(order + "HHIIIIIHHHHHH", 3, 1, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        loads = [(1, 0, base, base, size, size, 4, 1), (2, dynamic_at, base, base, len(dynamic), len(dynamic), 4, 1)]
        table = b"".join(struct.pack(order + "IIIIIIII", *load) for load in loads)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    return ident + header + table + strings + dynamic


class TestElf:
    @pytest.mark.parametrize("wide", [False, True])
    @pytest.mark.parametrize("order", "<>")
    def test_libraries_of_every_width_and_byte_order(self, order: str, wide: bool) -> None:
        assert elf.needed(program(order, wide, b"libc.so.6", b"libz.so.1")) == ["libc.so.6", "libz.so.1"]

    def test_a_static_program_and_a_script_need_none(self) -> None:
        assert elf.needed(program("<", True)) == []
        assert elf.needed(b"#!/bin/sh\n") == []

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no ELF here")
    def test_a_real_program(self) -> None:
        real = next(path for path in (Path("/bin/ls"), Path("/usr/bin/env"), Path(sys.executable)) if path.exists())
        assert all(".so" in name for name in elf.needed(real.read_bytes()))
