"""From C to the program: the device's compiler, as many at a time as there are processors, and one link."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from firmware.errors import BuildError
from firmware.generate import Plan
from firmware.sysroot import Python
from firmware.targets import first_line

SLIM = Path(__file__).with_name("slim.c")
WRAPPED = ("main", "patchInspectModule", "Py_InitializeFromConfig")
# What Nuitka's own build would write to build_definitions.h for the flags of generate.FLAGS.
DEFINITIONS = {
    "NO_PYTHON_WARNINGS": "0",
    "NUITKA_HAS_FROZEN_MODULES_BOOL": "0",
    "NUITKA_MAIN_IS_PACKAGE_BOOL": "0",
    "NUITKA_MAIN_MODULE_NAME": '"__main__"',
    "SYSFLAG_BYTES_WARNING": "0",
    "SYSFLAG_DONTWRITEBYTECODE": "1",
    "SYSFLAG_ISOLATED": "0",  # would empty sys.path, before it is needed; slim.c isolates
    "SYSFLAG_NO_RANDOMIZATION": "0",
    "SYSFLAG_NO_SITE": "1",
    "SYSFLAG_OPTIMIZE": "0",  # of what the library is asked for; see slim.c
    "SYSFLAG_SAFE_PATH": "1",
    "SYSFLAG_UNBUFFERED": "0",
    "SYSFLAG_UTF8": "0",
    "SYSFLAG_VERBOSE": "0",
    "_NUITKA_NO_ANNOTATIONS": "1",
    "_NUITKA_NO_ASSERTS": "1",
    "_NUITKA_NO_DOCSTRINGS": "1",
}
MACROS = (
    "_NUITKA_EXE_MODE",
    "_NUITKA_CONSTANTS_FROM_INCBIN",
    "__NUITKA_NO_ASSERT__",
    "_NUITKA_DEPLOYMENT_MODE=1",
    "_NUITKA_FLAG_ISOLATED=1",  # no import of os.path, for a path hook that the agent does not use
)
OPTIONS = (
    "-std=gnu11",
    "-Os",
    "-w",
    "-fwrapv",
    "-fno-strict-aliasing",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-asynchronous-unwind-tables",
)
LINK = ("-Wl,--gc-sections", "-Wl,-z,noexecstack", "-Wl,--as-needed", "-Wl,--build-id=none", "-s")
# The constants as they are in the file, for any assembler that gcc or clang drives.
CONSTANTS = """\
__asm__(".section .rodata\\n.balign 16\\nconstants:\\n.incbin \\"blobs/__constant.bin\\"\\n.byte 0\\n.previous\\n");
extern const unsigned char constants[] __attribute__((visibility("hidden")));
const unsigned char *getconstant_binData(void) { return constants; }
"""


def compile_program(compiler: list[str], plan: Plan, python: Python, target: Path, jobs: int) -> None:
    """Compile what Nuitka made and link it to ``target``; CFLAGS and LDFLAGS of the environment come last.

    Raises BuildError with the compiler's first error.
    """
    folder, package = plan.sources, plan.package / "build"
    lines = (f"#define {name} {value}\n" for name, value in DEFINITIONS.items())
    (folder / "build_definitions.h").write_text("".join(lines))
    (folder / "__constants_data.c").write_text(CONSTANTS)
    includes = [*([plan.adapted_headers] if plan.adapted_headers else []), *python.includes]
    includes += [python.include / "internal/mimalloc"] if _minor(python) >= 13 else []
    includes += [package / "include", package / "static_src", *sorted((package / "inline_copy").glob("zlib"))]
    macros = [*MACROS, *(["_NUITKA_ADAPTED_PYTHON_HEADERS"] if plan.adapted_headers else [])]
    extra = shlex.split(os.environ.get("CFLAGS", ""))
    command = [*compiler, *OPTIONS, *(f"-D{name}" for name in macros), "-I.", *(f"-I{path}" for path in includes)]
    command += [f"-ffile-prefix-map={path}=." for path in (folder, plan.package, python.include.parent)]
    sources = [
        *folder.glob("*.c"),
        *(package / "static_src" / name for name in ("CompiledFunctionType.c", "MainProgram.c")),
    ]
    # The largest first, so that none is left alone at the end.
    sources = [*sorted(set(sources), key=lambda path: -path.stat().st_size), SLIM]
    objects = [folder / "objects" / (path.stem + ".o") for path in sources]
    (folder / "objects").mkdir(exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        steps = [
            pool.submit(_run, [*command, *extra, "-c", str(source), "-o", str(output)], folder)
            for source, output in zip(sources, objects, strict=True)
        ]
        for step in steps:
            step.result()
    wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
    # What libpython itself needs is on the device, and not always here.
    link = [*compiler, *extra, *map(str, objects), *LINK, *wraps, "-Wl,--allow-shlib-undefined", "-o", str(target)]
    _run([*link, *shlex.split(os.environ.get("LDFLAGS", "")), str(python.library), "-ldl", "-lm"], folder)


def _minor(python: Python) -> int:
    return int(python.version.partition(".")[2])


def _run(command: Iterable[str], folder: Path) -> None:
    """Raises BuildError."""
    words = list(command)
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"{words[0]}: {error.strerror}") from None
    if done.returncode:
        raise BuildError(f"{Path(words[0]).name} failed: {first_line(done.stderr)}")
