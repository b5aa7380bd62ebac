"""The Python that runs Nuitka: the user's, this one, or one that is set up in the working folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from firmware.errors import BuildError, Unavailable
from firmware.generate import NUITKA

REQUIREMENT = f"nuitka=={NUITKA}.3"
ASK = """
import json, sys
try:
    from nuitka.Version import getNuitkaVersion
    nuitka = getNuitkaVersion()
except ImportError:
    nuitka = None
print(json.dumps([f"{sys.version_info[0]}.{sys.version_info[1]}", nuitka, sys.prefix, sys.base_prefix]))
"""


def ask(python: str) -> tuple[str, str | None, list[str]]:
    """An interpreter's minor version, the version of its Nuitka, and its prefixes. Raises Unavailable."""
    try:
        done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unavailable(f"{python}: {error.strerror}") from None
    if done.returncode:
        raise Unavailable(f"{python} does not work: {(done.stderr.strip() or 'it says nothing').splitlines()[-1]}")
    version, nuitka, prefix, base = json.loads(done.stdout)
    return version, nuitka, [prefix, base]


def given(python: str, version: str) -> str:
    """The interpreter of the user, when it will do. Raises BuildError."""
    found, nuitka, _ = ask(python)
    if found != version:
        raise BuildError(f"{python} is Python {found}; the device has {version}, and Nuitka has to run with the same")
    if nuitka is None:
        raise BuildError(f"{python} has no Nuitka; install it: {python} -m pip install {REQUIREMENT}")
    if not nuitka.startswith(f"{NUITKA}."):
        raise BuildError(f"{python} has Nuitka {nuitka}; this was made for {NUITKA}: {REQUIREMENT}")
    return python


def own(version: str, folder: Path) -> str:
    """An interpreter of this version with Nuitka: the running one, or one in ``folder``, made when it is not there.

    Raises Unavailable without such a Python, or without a package index to take Nuitka from.
    """
    made = folder / f"python{version}"
    for candidate in (sys.executable, str(made / "bin/python")):
        try:
            return given(candidate, version)
        except BuildError:
            pass
    base = sys.executable if sys.version.startswith(f"{version}.") else shutil.which(f"python{version}")
    if base is None:
        raise Unavailable(f"no python{version} on this host, which the device has: name one with Nuitka by --python")
    shutil.rmtree(made, ignore_errors=True)
    for command in (
        [base, "-m", "venv", str(made)],
        [str(made / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
            raise Unavailable(f"{' '.join(command[:4])} failed: {last}")
    return given(str(made / "bin/python"), version)
