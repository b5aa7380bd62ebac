"""What a guest's root holds: busybox, a minimal Python, kernel modules, and the init scripts of inside/."""

import py_compile
import sys
from pathlib import Path

from . import elf
from .errors import BedError
from .filetree import COMPLETE, FileTree
from .kernel import KernelFiles
from .packages import Archive
from .targets import LIBRARY_PACKAGES, PYTHON, PYTHON_PACKAGES, Arch

INSIDE = Path(__file__).parent / "inside"
FOLDERS = ("bin", "dev", "proc", "sys", "run", "root", "mnt", "data", "usr/bin", "etc")
LIBRARY = f"usr/lib/python{PYTHON}"
# Files of the initramfs are memory, and a guest may have 64 MB: no mail, no web, no code pages.
STDLIB_WITHOUT = ("email", "urllib", "logging", "importlib/metadata", "importlib/resources", "ssl.py")
ENCODINGS = ("__init__", "aliases", "ascii", "latin_1", "utf_8")
STDLIB_EXTRA = ("json", "ctypes")
"""Packages of libpython-stdlib; of Debian's two halves the other, libpython-minimal, has most of the rest."""
EXTENSIONS = ("_ctypes", "mmap", "resource", "termios")
"""Extension modules that are files of their own: all others of use are inside the interpreter."""


def skeleton(archive: Archive, init: str) -> FileTree:
    """Return a root with busybox, the device nodes of the first moment, and one of the init scripts."""
    tree = FileTree()
    for name in FOLDERS:
        tree.folder(name)
    tree.folder("tmp", 0o1777)
    tree.device("dev/console", 5, 1)
    tree.device("dev/null", 1, 3)
    tree.file("bin/busybox", (archive.package("busybox-static") / "bin/busybox").read_bytes(), 0o755)
    tree.link("bin/sh", "busybox")
    tree.file("init", (INSIDE / init).read_bytes(), 0o755)
    tree.file(COMPLETE, b"")
    return tree


def add_modules(tree: FileTree, kernel: KernelFiles, load: list[str], offer: list[str]) -> None:
    """Add the modules that init loads, and those that a script may load by modprobe."""
    folder = f"lib/modules/{kernel.release}"
    tree.folder(folder)
    lines = []
    for name, data in kernel.modules([*load, *offer]).items():
        tree.file(f"{folder}/{name}.ko", data)
        needs = [f"{need}.ko" for need in kernel.modules([name]) if need != name]
        lines.append(f"{name}.ko: {' '.join(reversed(needs))}\n")  # depmod's order: the last is loaded first
    tree.file(f"{folder}/modules.dep", "".join(lines).encode())
    tree.file("etc/modules", "".join(f"{name}\n" for name in load).encode())


def root(archive: Archive, arch: Arch) -> FileTree:
    """Return a whole root: the skeleton, the accounts, Python and what it needs."""
    packages = archive.packages([*PYTHON_PACKAGES, *LIBRARY_PACKAGES])
    tree = skeleton(archive, "init")
    tree.file("etc/passwd", b"root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    tree.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    tree.file("etc/os-release", b'ID=lastgasp-bed\nNAME="lastgasp test bed"\nVERSION_ID=1\n')
    add_program(tree, packages, arch, f"usr/bin/python{PYTHON}")
    tree.link("usr/bin/python3", f"python{PYTHON}")
    for name in EXTENSIONS:
        tag = f"cpython-{PYTHON.replace('.', '')}-{arch.triplet}"
        add_program(tree, packages, arch, f"{LIBRARY}/lib-dynload/{name}.{tag}.so")
    _add_stdlib(tree, archive)
    return tree


def _add_stdlib(tree: FileTree, archive: Archive) -> None:
    """Add the modules that a small program needs: most of one of Debian's halves, a little of the other."""
    minimal, stdlib = archive.packages([f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib"])
    for top in (minimal / LIBRARY, stdlib / LIBRARY):
        for source in sorted(filter(Path.is_file, top.rglob("*.py"))):
            name = source.relative_to(top)
            if name.parts[0] == "encodings":
                wanted = name.stem in ENCODINGS
            elif top == minimal / LIBRARY:
                wanted = not str(name).startswith(STDLIB_WITHOUT)
            else:
                wanted = name.parts[0] in STDLIB_EXTRA
            if wanted:
                path = _compiled(source)
                tree.file(f"{LIBRARY}/{name.with_suffix(path.suffix)}", path.read_bytes())


def _compiled(source: Path) -> Path:
    """Return the module compiled, beside its source, when this Python can do it; else the source.

    A guest under emulation takes seconds to compile what the host compiles once.
    """
    if sys.version_info[:2] != tuple(map(int, PYTHON.split("."))):
        return source
    target = source.with_suffix(".pyc")
    if not target.exists():
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(target), source.name, doraise=True, invalidation_mode=mode)
    return target


def add_program(tree: FileTree, packages: list[Path], arch: Arch, path: str) -> None:
    """Add an executable or an extension module at its own path, and the libraries that it needs in lib/."""
    data = _find(packages, [path]).read_bytes()
    tree.file(path, data, 0o755)
    missing = [arch.loader, *elf.needed(data)]
    while missing:
        name = missing.pop()
        if f"lib/{name}" not in tree.nodes:
            folders = ("lib", f"lib/{arch.triplet}", f"usr/lib/{arch.triplet}", "usr/lib")
            data = _find(packages, [f"{folder}/{name}" for folder in folders]).read_bytes()
            tree.file(f"lib/{name}", data, 0o755)
            missing += elf.needed(data)


def _find(packages: list[Path], paths: list[str]) -> Path:
    """Return the first of these files that a package has; raises BedError when none does."""
    for path in paths:
        for package in packages:
            if (package / path).is_file():
                return package / path
    raise BedError(f"no package has {paths[0]}")
