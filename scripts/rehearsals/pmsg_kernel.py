"""A kernel with /dev/pmsg0: built from Debian's source, because none of Debian's own has CONFIG_PSTORE_PMSG."""

import os
import shutil
import subprocess
from pathlib import Path

from bed.bench import working_folder
from bed.errors import BedError, require
from bed.packages import Archive
from bed.targets import USERLAND_SUITE, Arch

SOURCE_PACKAGE = "linux-source-6.1"
CONFIG = Path(__file__).parent / "inside/pmsg-kernel.config"
KERNEL_ARCH = {"arm64": ("arm64", "Image.gz"), "armhf": ("arm", "zImage")}
TOOLS = ("make", "flex", "bison", "bc")


def folder_of(arch: Arch) -> Path:
    """A folder with boot/vmlinuz-VERSION, built when it is not there yet. Raises BedError."""
    kernels = working_folder() / "kernels"
    target = kernels / f"pmsg-{arch.name}"
    if not target.is_dir():
        kernels.mkdir(exist_ok=True)
        work = kernels / f"pmsg-{arch.name}.building"
        shutil.rmtree(work, ignore_errors=True)
        _build(arch, work)
        shutil.rmtree(work / "source")
        shutil.rmtree(work / "objects")
        work.rename(target)
    return target


def _build(arch: Arch, work: Path) -> None:
    """Fetch, unpack, configure and compile."""
    for tool in TOOLS:
        require(tool, tool)
    compiler = require(f"{arch.triplet}-gcc", f"gcc-{arch.triplet}")
    (package,) = Archive(working_folder(), USERLAND_SUITE, arch.name).packages([SOURCE_PACKAGE])
    source, objects = work / "source", work / "objects"
    source.mkdir(parents=True)
    print(f"rehearse-device: building a kernel with /dev/pmsg0 for {arch.name}; this takes minutes", flush=True)
    _run(["tar", "-xf", str(package / f"usr/src/{SOURCE_PACKAGE}.tar.xz"), "--strip-components=1", "-C", str(source)])
    kernel_arch, image = KERNEL_ARCH[arch.name]
    make = ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(source), f"O={objects}", f"ARCH={kernel_arch}"]
    make.append(f"CROSS_COMPILE={compiler.removesuffix('gcc')}")
    _run([*make, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig"])
    missing = set(CONFIG.read_text().split()) - set((objects / ".config").read_text().splitlines())
    if missing:
        raise BedError(f"{SOURCE_PACKAGE} does not take {', '.join(sorted(missing))}")
    _run([*make, image])
    release = (objects / "include/config/kernel.release").read_text().strip()
    (work / "boot").mkdir()
    shutil.copy(objects / f"arch/{kernel_arch}/boot/{image}", work / f"boot/vmlinuz-{release}")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "it says nothing").splitlines()[-1]
        raise BedError(f"{Path(command[0]).name} failed while a kernel was built: {last}")
