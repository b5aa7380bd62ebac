"""A kernel image and its modules, found in unpacked packages.

What a module needs is read from the module itself, so no depmod is wanted on the host.
"""

import lzma
import re
from pathlib import Path

from .errors import BedError

MODULE = re.compile(r"(.+)\.ko(\.xz)?")


class KernelFiles:
    """The files of one kernel below one or more unpacked packages.

    `image` is what QEMU boots, `release` what uname says. Raises BedError when there is no image.
    """

    def __init__(self, folders: list[Path]) -> None:
        images = [
            image
            for folder in folders
            for pattern in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz")
            for image in folder.glob(pattern)
        ]
        if not images:
            raise BedError(f"no kernel image below {', '.join(map(str, folders))}")
        self._folders = folders
        self.image = images[0]
        name = self.image.name.removeprefix("vmlinuz-")
        self.release = self.image.parent.name if name == "vmlinuz" else name
        self._modules: dict[str, Path] = {}
        for folder in folders:
            for top in (folder / "lib/modules", folder / "usr/lib/modules"):
                for path in top.glob(f"{self.release}/kernel/**/*.ko*"):
                    if match := MODULE.fullmatch(path.name):
                        self._modules[match[1].replace("-", "_")] = path

    def device_tree(self, name: str) -> Path:
        """Return the file that describes a board. Raises BedError when there is none."""
        for folder in self._folders:
            for path in folder.glob(f"usr/lib/linux-image-*/{name}"):
                return path
        raise BedError(f"the kernel {self.release} has no {name}")

    def modules(self, names: list[str]) -> dict[str, bytes]:
        """Return the named modules and all they need, by name, each after what it needs.

        A name that the kernel has no module for is left out: then it is built in, or this kernel lacks it,
        which modprobe in the guest will say.
        """
        done: dict[str, bytes] = {}
        for name in names:
            self._add(name.replace("-", "_"), done)
        return done

    def _add(self, name: str, done: dict[str, bytes]) -> None:
        path = self._modules.get(name)
        if path is None or name in done:
            return
        data = path.read_bytes()
        if path.suffix == ".xz":  # since trixie; a guest's busybox would need the kernel to unpack it
            data = lzma.decompress(data)
        for needed in dependencies(data):
            self._add(needed, done)
        done[name] = data


def dependencies(module: bytes) -> list[str]:
    """Return the names that a module's own description says to load before it."""
    hard = re.findall(rb"\0depends=([^\0]*)\0", module)
    soft = re.findall(rb"\0softdep=pre: ([^\0:]*?)(?: post:[^\0]*)?\0", module)
    names = b",".join(hard).split(b",") + b" ".join(soft).split()
    return [name.decode("ascii").replace("-", "_") for name in names if name]
