"""A guest's files, held in memory and written as an initramfs or as an ext4 image, without root."""

import gzip
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import BedError, require

COMPLETE = "complete"
"""The file that an archive has last: a guest with too little memory loses the end of it, and boots on."""


@dataclass(frozen=True, slots=True)
class Node:
    """One file: `mode` with the type bits, the content or a link's target, a device's numbers."""

    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


class FileTree:
    """Files by their path without a leading slash; folders appear with what is put into them."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder and those above it."""
        parts = path.split("/")
        for n in range(1, len(parts)):
            self.nodes.setdefault("/".join(parts[:n]), Node(stat.S_IFDIR | 0o755))
        self.nodes.setdefault(path, Node(stat.S_IFDIR | mode))

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        self._put(path, Node(stat.S_IFREG | mode, data))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._put(path, Node(stat.S_IFLNK | 0o777, target.encode()))

    def device(self, path: str, major: int, minor: int) -> None:
        """Add a character device: in an archive, which needs no root; an image leaves it out."""
        self._put(path, Node(stat.S_IFCHR | 0o600, device=(major, minor)))

    def host(self, source: Path, path: str) -> None:
        """Add a file or a folder of the host, with what it holds; modes stay."""
        if source.is_dir():
            self.folder(path)
            for inner in sorted(source.iterdir()):
                self.host(inner, f"{path}/{inner.name}")
        elif source.is_file():
            self.file(path, source.read_bytes(), stat.S_IMODE(source.stat().st_mode))
        else:
            raise BedError(f"{source}: no such file or folder")

    def _put(self, path: str, node: Node) -> None:
        if "/" in path:
            self.folder(path.rpartition("/")[0])
        self.nodes[path] = node

    def cpio(self) -> bytes:
        """Return the tree as the kernel's newc archive, compressed."""
        parts: list[bytes] = []
        nodes = sorted(self.nodes.items(), key=lambda item: (item[0] == COMPLETE, item[0]))
        for number, (path, node) in enumerate([*nodes, ("TRAILER!!!", Node(0))], 1):
            name = path.encode() + b"\0"
            fields = (number, node.mode, 0, 0, 1, 0, len(node.data), 0, 0, *node.device, len(name), 0)
            head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
            for part in (head, node.data):
                parts += [part, b"\0" * (-len(part) % 4)]
        # Level 1: the guest unpacks in a moment at any level, and the host packs at every run.
        return gzip.compress(b"".join(parts), compresslevel=1, mtime=0)

    def ext4(self, image: Path, size: str) -> None:
        """Write the tree as an ext4 file system of `size` (such as 64M) into a new file."""
        with tempfile.TemporaryDirectory(dir=image.parent) as top:
            for path, node in sorted(self.nodes.items()):
                target = Path(top, path)
                if stat.S_ISDIR(node.mode):
                    target.mkdir(exist_ok=True)
                elif stat.S_ISLNK(node.mode):
                    target.symlink_to(node.data.decode())
                elif stat.S_ISREG(node.mode):
                    target.write_bytes(node.data)
                if not stat.S_ISLNK(node.mode) and target.exists():
                    target.chmod(stat.S_IMODE(node.mode))
            Path(top).chmod(0o755)
            tool = require("mke2fs", "e2fsprogs")
            command = [tool, "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d", top, str(image), size]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BedError(f"mke2fs of {size} failed: {' '.join(done.stderr.split())}")
