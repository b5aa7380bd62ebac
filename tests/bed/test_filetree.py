"""Files in memory as an initramfs and as an ext4 image, read back by other means than they were written."""

from __future__ import annotations

import gzip
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from bed.errors import BedError
from bed.filetree import COMPLETE, FileTree

HEAD = 110  # bytes of a newc header: "070701" and 13 fields of 8 hexadecimal digits


def read_cpio(archive: bytes) -> list[tuple[str, int, bytes, tuple[int, int]]]:
    """Name, mode, content and device of each entry, by the format's own description (cpio(5))."""
    raw = gzip.decompress(archive)
    found: list[tuple[str, int, bytes, tuple[int, int]]] = []
    p = 0
    while True:
        assert raw[p : p + 6] == b"070701"
        fields = [int(raw[i : i + 8], 16) for i in range(p + 6, p + HEAD, 8)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = raw[p + HEAD : p + HEAD + name_size]
        assert name.endswith(b"\0")
        p = (p + HEAD + name_size + 3) // 4 * 4
        if name == b"TRAILER!!!\0":
            assert not raw[p:]
            return found
        found.append((name[:-1].decode(), mode, raw[p : p + size], (fields[9], fields[10])))
        p = (p + size + 3) // 4 * 4


def a_tree() -> FileTree:
    tree = FileTree()
    tree.file("usr/bin/tool", b"#!/bin/sh\n", 0o755)
    tree.file(COMPLETE, b"")
    tree.link("bin/sh", "busybox")
    tree.device("dev/console", 5, 1)
    tree.folder("tmp", 0o1777)
    for size in range(5):  # every way to fall on the archive's grid of four bytes
        tree.file("odd" + "x" * size, b"z" * size)
    return tree


class TestTree:
    def test_folders_appear_with_what_is_put_into_them(self) -> None:
        tree = FileTree()
        tree.file("a/b/c", b"")
        assert {path for path, node in tree.nodes.items() if stat.S_ISDIR(node.mode)} == {"a", "a/b"}

    def test_a_folder_keeps_the_mode_it_was_given(self) -> None:
        tree = FileTree()
        tree.folder("tmp", 0o1777)
        tree.file("tmp/x", b"")
        assert tree.nodes["tmp"].mode == stat.S_IFDIR | 0o1777

    def test_the_hosts_files_keep_their_modes(self, tmp_path: Path) -> None:
        (tmp_path / "top/in").mkdir(parents=True)
        (tmp_path / "top/in/run").write_bytes(b"x")
        (tmp_path / "top/in/run").chmod(0o750)
        tree = FileTree()
        tree.host(tmp_path / "top", "opt/top")
        assert tree.nodes["opt/top/in/run"].mode == stat.S_IFREG | 0o750
        assert tree.nodes["opt/top/in/run"].data == b"x"

    def test_what_the_host_has_not(self, tmp_path: Path) -> None:
        with pytest.raises(BedError, match="no such file"):
            FileTree().host(tmp_path / "nothing", "x")


class TestCpio:
    def test_everything_comes_back(self) -> None:
        entries = {name: rest for name, *rest in read_cpio(a_tree().cpio())}
        assert entries["usr/bin/tool"] == [stat.S_IFREG | 0o755, b"#!/bin/sh\n", (0, 0)]
        assert entries["bin/sh"] == [stat.S_IFLNK | 0o777, b"busybox", (0, 0)]
        assert entries["dev/console"] == [stat.S_IFCHR | 0o600, b"", (5, 1)]
        assert entries["tmp"][0] == stat.S_IFDIR | 0o1777
        for size in range(5):
            assert entries["odd" + "x" * size][1] == b"z" * size

    def test_folders_come_before_what_is_in_them(self) -> None:
        names = [name for name, *_ in read_cpio(a_tree().cpio())]
        for name in names:
            if "/" in name:
                assert names.index(name.rpartition("/")[0]) < names.index(name)

    def test_the_mark_of_a_whole_archive_is_the_last(self) -> None:
        assert [name for name, *_ in read_cpio(a_tree().cpio())][-1] == COMPLETE

    def test_the_same_tree_gives_the_same_bytes(self) -> None:
        assert a_tree().cpio() == a_tree().cpio()

    @pytest.mark.skipif(not shutil.which("cpio"), reason="no cpio here")
    def test_cpio_reads_it(self) -> None:
        done = subprocess.run(
            ["cpio", "-it", "--quiet"], input=gzip.decompress(a_tree().cpio()), capture_output=True, check=True
        )
        assert sorted(done.stdout.decode().split()) == sorted(a_tree().nodes)


MKE2FS = shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin")
DEBUGFS = shutil.which("debugfs", path="/usr/sbin:/sbin:/usr/bin")


@pytest.mark.skipif(not (MKE2FS and DEBUGFS), reason="no e2fsprogs here")
class TestExt4:
    def test_files_and_links_are_there_and_belong_to_root(self, tmp_path: Path) -> None:
        image = tmp_path / "root.ext4"
        a_tree().ext4(image, "2M")
        assert DEBUGFS is not None
        shown = subprocess.run(
            [DEBUGFS, "-R", "cat /usr/bin/tool", image], capture_output=True, check=True, text=True
        ).stdout
        assert shown == "#!/bin/sh\n"
        told = subprocess.run([DEBUGFS, "-R", "stat /bin/sh", image], capture_output=True, check=True, text=True).stdout
        assert "Type: symlink" in told
        assert 'Fast link dest: "busybox"' in told
        assert sorted(path.name for path in tmp_path.iterdir()) == ["root.ext4"], "nothing else is left"

    def test_what_does_not_fit(self, tmp_path: Path) -> None:
        tree = FileTree()
        tree.file("large", b"x" * (3 << 20))  # zeros would be a hole
        with pytest.raises(BedError, match="mke2fs of 1M failed"):
            tree.ext4(tmp_path / "root.ext4", "1M")
