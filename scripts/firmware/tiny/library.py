"""A libpython with nothing in it but the interpreter and the modules that the agent uses; zlib where it is a source.

CPython's own configure and make do it, always as for another machine, so that nothing is run on the host that the
target should answer, in a folder beside the sources. What configure would have to run for is answered here.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import BuildError
from firmware.targets import Target, first_line, macros
from firmware.tiny.source import Source

# The extension modules, as Modules/Setup names them. _imp, _signal, posix and time are in every libpython.
SETUP = """\
*static*
_struct _struct.c
select selectmodule.c
zlib zlibmodule.c
_socket socketmodule.c
binascii binascii.c
"""
OPTIONS = (
    "-Os",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-pie",
    "-fno-asynchronous-unwind-tables",
)
CONFIGURE = (
    "--build=x86_64-pc-linux-gnu",
    "--prefix=/usr",
    "--disable-shared",
    "--disable-test-modules",
    "--without-doc-strings",
    "--without-ensurepip",
    "--without-readline",
    "--without-mimalloc",
    "--without-remote-debug",
)
# Nothing is loaded at run time; the others are what configure cannot find out without running something.
ANSWERS = {
    "ac_cv_func_dlopen": "no",
    "ac_cv_lib_dl_dlopen": "no",
    "ac_cv_search_dlopen": "no",
    "ac_cv_computed_gotos": "yes",
    "ac_cv_aligned_required": "no",
    "ac_cv_buggy_getaddrinfo": "no",
    "ac_cv_file__dev_ptmx": "yes",
    "ac_cv_file__dev_ptc": "no",
    "ac_cv_header_libintl_h": "no",
}
THUMB2_FROM = 7  # __ARM_ARCH
ZLIB = ("adler32", "crc32", "deflate", "inffast", "inflate", "inftrees", "trees", "zutil")


@dataclass(frozen=True, slots=True)
class Tools:
    """What compiles for the device."""

    compiler: tuple[str, ...]
    target: Target
    cflags: tuple[str, ...]
    """The user's; OPTIONS come after them, for size is what this program is for."""
    ldflags: tuple[str, ...]
    jobs: int

    def compile(self, source: Path, output: Path, *more: str) -> None:
        """Raises BuildError with the compiler's first error."""
        words = [
            *self.compiler,
            *self.cflags,
            *OPTIONS,
            *self.smaller(),
            "-w",
            *more,
            "-c",
            str(source),
            "-o",
            str(output),
        ]
        run(words, output.parent)

    def smaller(self) -> list[str]:
        """The shorter instructions, where the processor has two sets of them (Buildroot's default is the longer)."""
        has = macros([*self.compiler, *self.cflags])
        return ["-mthumb"] if "__arm__" in has and int(has.get("__ARM_ARCH", 0)) >= THUMB2_FROM else []

    def beside(self, name: str) -> str:
        """``ar``, ``readelf``: the compiler's own, by its own word or its name; else the host's."""
        done = subprocess.run([*self.compiler, f"-print-prog-name={name}"], capture_output=True, text=True, check=False)
        compiler = next((word for word in self.compiler if word.endswith("cc")), self.compiler[0])
        neighbour = compiler.removesuffix("gcc").removesuffix("cc") + name
        # A path even where it is the host's: configure takes the bare name for a mistake.
        found = (shutil.which(each) for each in (done.stdout.strip(), neighbour, name))
        return next((path for path in found if path), name)


@dataclass(frozen=True, slots=True)
class Zlib:
    """A static zlib."""

    include: tuple[Path, ...]
    library: Path


@dataclass(frozen=True, slots=True)
class Library:
    """A static libpython and the headers that it was made with."""

    archive: Path
    includes: tuple[Path, ...]


def make_python(source: Source, python: str, tools: Tools, zlib: Zlib, folder: Path) -> Library:
    """libpython in ``folder``, with ``python`` (of the same minor version) for what a build has to run.

    Raises BuildError with the first error of configure or make; their whole output is in the folder.
    """
    (folder / "Modules").mkdir(parents=True)
    (folder / "Modules/Setup.local").write_text(SETUP)
    maps = (f"-ffile-prefix-map={source.folder}=.", f"-ffile-prefix-map={folder}=.")
    flags = [*tools.cflags, *OPTIONS, *tools.smaller(), *maps, *(f"-I{path}" for path in zlib.include)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "_PYTHON"))},
        **ANSWERS,
        "CC": shlex.join(tools.compiler),
        "AR": tools.beside("ar"),
        "READELF": tools.beside("readelf"),
        "ac_cv_prog_READELF": tools.beside("readelf"),
        "OPT": "-DNDEBUG -fwrapv -w",
        "CFLAGS": shlex.join(flags),
        "LDFLAGS": shlex.join([*tools.ldflags, "-no-pie"]),
    }
    host = f"--host={tools.target.triplet.replace('i386', 'i686')}"
    configure = [str(source.folder / "configure"), host, *CONFIGURE, f"--with-build-python={python}"]
    run(configure, folder, environment, folder / "configure.log")
    name = f"libpython{source.version}.a"
    make = ["make", f"-j{tools.jobs}", name, "DEEPFREEZE_OBJS=", "LIBRARY_OBJS=$(LIBRARY_OBJS_OMIT_FROZEN)"]
    run(make, folder, environment, folder / "make.log")
    include = source.folder / "Include"
    return Library(folder / name, (folder, include, include / "internal"))


def make_zlib(source: Path, tools: Tools, folder: Path) -> Zlib:
    """Of zlib's unpacked sources. Raises BuildError."""
    if not (source / "deflate.c").is_file():
        raise BuildError(f"{source}: no deflate.c; --zlib wants the source tree of zlib")
    folder.mkdir(parents=True)
    objects = [folder / f"{name}.o" for name in ZLIB]
    for output in objects:
        tools.compile(source / f"{output.stem}.c", output, f"-I{source}", "-DHAVE_UNISTD_H", "-D_LARGEFILE64_SOURCE=1")
    run([tools.beside("ar"), "rcs", "libz.a", *map(str, objects)], folder)
    return Zlib((source,), folder / "libz.a")


def find_zlib(root: Path, target: Target) -> Zlib:
    """Below a sysroot, or where a Debian package was unpacked. Raises BuildError."""
    headers = [root / "usr/include" / target.triplet, root / "usr/include"]
    for folder in (f"usr/lib/{target.triplet}", "usr/lib", "usr/lib64", "usr/lib32", "lib"):
        if (root / folder / "libz.a").is_file() and (headers[1] / "zlib.h").is_file():
            return Zlib(tuple(path for path in headers if path.is_dir()), root / folder / "libz.a")
    raise BuildError(f"{root}: no usr/lib/libz.a with usr/include/zlib.h; give zlib's source tree with --zlib")


def compilers_zlib(tools: Tools) -> Zlib:
    """In the compiler's own sysroot. Raises BuildError."""
    words = [*tools.compiler, *tools.cflags, *tools.ldflags, "-print-file-name=libz.a"]
    found = Path(subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip())
    if not found.is_absolute():
        raise BuildError(f"{tools.compiler[0]} has no libz.a; give --sysroot, or zlib's source tree with --zlib")
    return Zlib((), found)


def run(words: list[str], folder: Path, environment: dict[str, str] | None = None, log: Path | None = None) -> None:
    """Run a step of the build. Raises BuildError with its first error."""
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        raise BuildError(f"{words[0]}: {error.strerror}") from None
    text = done.stdout.decode("utf-8", "replace")
    if log:
        log.write_text(text)
    if done.returncode:
        raise BuildError(f"{Path(words[0]).name} failed: {first_line(text)}")
