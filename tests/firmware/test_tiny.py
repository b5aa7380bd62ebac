"""scripts/build-agent --tiny: what is frozen in is all that the agent imports, and the program is the agent.

What really builds wants CPython's sources, which are not here: LASTGASP_PYTHON_SOURCE names their tree or tarball.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import DIFFERENTIAL
from test_command import Device
from test_differential import TREES, record

from firmware import bytecode
from firmware.errors import BuildError
from firmware.targets import TARGETS
from firmware.tiny import frozen, library, program, source
from lastgasp.recorder.usage import HELP

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "scripts/build-agent"
SOURCE = os.environ.get("LASTGASP_PYTHON_SOURCE")
needs_source = pytest.mark.skipif(not SOURCE, reason="LASTGASP_PYTHON_SOURCE names no CPython sources")


def runs(name: str) -> bool:
    return (
        bool(shutil.which(name)) and subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0
    )


INTERPRETERS = [name for n in range(11, 15) if runs(name := f"python3.{n}")] or [sys.executable]
MAIN_C = (ROOT / "scripts/firmware/tiny/main.c").read_text()


# -- what is in it -------------------------------------------------------------------------------------------


def test_every_import_of_the_agent_is_frozen_in_or_built_in() -> None:
    modules = frozen.sources()
    there = {*modules, *frozen.BUILT_IN}
    # Tried where there is no _tiny.
    allowed = {"_ctypes"}
    lacking = {f"{name}: {wanted}" for name, path in modules.items() for wanted in frozen.imports(path) - there}
    assert {line for line in lacking if line.rpartition(" ")[2] not in allowed} == set()
    assert set(bytecode.in_order(bytecode.HOT_ROOT)) <= there


def test_main_has_the_modules_that_the_table_counts_on() -> None:
    listed = re.findall(r"each\((\w+)\)", MAIN_C[: MAIN_C.index("#define DECLARE")])
    assert {*listed, "builtins", "sys", "_tiny"} == set(frozen.BUILT_IN)


@pytest.mark.parametrize("python", INTERPRETERS)
def test_the_table_of_every_python_holds_every_module(python: str, tmp_path: Path) -> None:
    table = tmp_path / "frozen.c"
    subprocess.run([python, "-I", "-S", "-B", str(frozen.__file__), str(table)], check=True)
    rows = re.findall(r'\{"([\w.]+)", m\d+, (\d+), ([01])\},', table.read_text())
    assert [name for name, _, _ in rows] == list(frozen.sources())
    assert {name for name, _, package in rows if package == "1"} == {
        "lastgasp", "lastgasp.proc", "lastgasp.recorder", "lastgasp.ring"
    }  # fmt: skip
    assert all(int(size) > 50 for _, size, _ in rows)


def test_the_start_knows_what_the_agent_uses_of_posix() -> None:
    """Everything else of it is given back: with an empty list that was all of it."""
    names = bytecode.posix_names([*frozen.sources().values()])
    assert {"open", "pread", "write", "isatty"} <= names
    strip = bytecode.Start(names)
    code = bytecode.compile_stripped(frozen.INSIDE / "start.py", "start", strip)
    assert tuple(sorted(names)) in code.co_consts


def test_what_is_frozen_knows_no_path_of_this_host() -> None:
    numbers = "".join("".join(frozen.table(frozen.sources())).split())
    for found in (str(ROOT), str(Path.home())):
        assert ",".join(map(str, found.encode())) not in numbers


# -- what is refused -----------------------------------------------------------------------------------------


def tree(folder: Path, version: str) -> Path:
    major, minor = version.split(".")
    (folder / "Include").mkdir(parents=True)
    (folder / "configure").touch()
    text = f"#define PY_MAJOR_VERSION\t{major}\n#define PY_MINOR_VERSION\t{minor}\n"
    (folder / "Include/patchlevel.h").write_text(text)
    return folder


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_a_tree_and_its_tarball_are_the_same(tmp_path: Path, version: str) -> None:
    made = tree(tmp_path / "Python", version)
    with tarfile.open(tmp_path / "Python.tar.xz", "w:xz") as archive:
        archive.add(made, "Python")
    assert source.find(made, tmp_path / "unpacked") == source.Source(made, version)
    unpacked = tmp_path / "unpacked"
    assert source.find(tmp_path / "Python.tar.xz", unpacked) == source.Source(unpacked / "Python", version)


@pytest.mark.parametrize("version", ["3.10", "2.7", "3.99"])
def test_another_python_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(BuildError, match=f"is Python {version}; the agent runs on"):
        source.find(tree(tmp_path / "Python", version), tmp_path / "unpacked")


def test_what_is_no_source_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "rubbish").write_bytes(b"\x1f\x8b rubbish")
    for path in (tmp_path, tmp_path / "rubbish", tmp_path / "absent"):
        words = [sys.executable, str(BUILD), "--tiny", str(path), "--arch", "x86_64"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert done.stderr.startswith(f"build-agent: {path}: ")


def test_a_python_of_another_version_cannot_freeze(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho Python 3.9.1\n")
    script.chmod(0o755)
    with pytest.raises(BuildError, match=r"is Python 3\.9\.1; the sources are those of 3\.12"):
        program.host_python(str(script), "3.12")
    with pytest.raises(BuildError, match="not found"):
        program.host_python(str(tmp_path / "absent"), "3.12")


@pytest.mark.parametrize(("arch", "options"), [("7", ["-mthumb"]), ("6", []), (None, [])])
def test_arm_gets_its_shorter_instructions_from_version_7(arch: str | None, options: list[str], tmp_path: Path) -> None:
    """Before that, they cannot pass floating point numbers as the libc wants them."""
    compiler = tmp_path / "cc"
    says = f"#define __arm__ 1\n#define __ARM_ARCH {arch}\n" if arch else "#define __aarch64__ 1\n"
    compiler.write_text(f"#!/bin/sh\nprintf '{says}'\n")
    compiler.chmod(0o755)
    assert library.Tools((str(compiler),), TARGETS["armv7"], (), (), 1).smaller() == options


# -- the program ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    output, main = folder / "lastgasp-agent", folder / "main.py"
    assert SOURCE
    main.write_text(DIFFERENTIAL.read_text() + (frozen.INSIDE / "start.py").read_text())
    words = [sys.executable, str(BUILD), "--tiny", SOURCE, "--arch", "x86_64", "-o", str(output), "--main", str(main)]
    subprocess.run(words, check=True)
    return output


@pytest.fixture
def device(tiny: Path, tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    made.command = [str(tiny)]
    yield made
    made.end()


@needs_source
def test_it_records_marks_and_stops_cleanly(device: Device) -> None:
    agent = device.start()
    assert Path(f"/proc/{agent.pid}/comm").read_text() == "lastgasp-agent\n"
    assert device.run("mark", "caf\u00e9").returncode == 0
    assert device.run("status").stdout.startswith("version: ")
    assert device.stop(agent) == (0, "")
    assert device.recording().clean_stop
    assert [values["text"] for values in device.events("mark")] == ["caf\u00e9".encode()]


@needs_source
def test_it_answers_every_command(device: Device) -> None:
    agent = device.start()
    device.configure(interval="200ms")
    agent.send_signal(signal.SIGHUP)
    for words in (["selftest"], ["flush"], ["tune", "--show"], ["dump", "--frames", "w"], ["status", "--json"]):
        done = device.run(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
    assert device.stop(agent) == (0, "")
    assert device.run("help").stdout == HELP
    assert (device.run("rubbish").returncode, device.run("status").returncode) == (2, 3)


@needs_source
@pytest.mark.parametrize("tree", TREES)
def test_of_the_same_tree_the_ring_has_the_same_bytes(tree: str, tiny: Path, tmp_path: Path) -> None:
    expected = record([sys.executable, "-B", str(DIFFERENTIAL)], tree, tmp_path / "interpreted")
    assert record([str(tiny)], tree, tmp_path / "tiny") == expected


@needs_source
def test_it_dumps_the_ring_byte_for_byte(device: Device, tiny: Path) -> None:
    agent = device.start()
    assert device.stop(agent) == (0, "")
    done = subprocess.run([str(tiny), "dump", "--config", str(device.config)], capture_output=True, check=True)
    assert done.stdout == device.ring.read_bytes()


@needs_source
def test_a_reader_that_goes_away_is_no_traceback(device: Device, tiny: Path) -> None:
    device.stop(device.start())
    reads, writes = os.pipe()
    os.close(reads)
    words = [str(tiny), "dump", "--config", str(device.config)]
    done = subprocess.run(words, stdout=writes, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


@needs_source
@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_it_opens_no_file_and_heeds_no_environment_at_its_start(tiny: Path) -> None:
    environment = {
        "PYTHONHOME": "/absent",
        "PYTHONPATH": "/absent",
        "PYTHONVERBOSE": "1",
        "LC_ALL": "C",
    }
    words = ["strace", "-f", "-e", "trace=file", str(tiny), "version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=dict(os.environ) | environment)
    assert done.stdout.startswith("lastgasp-agent ")
    opened = re.findall(r'^open\w*\(.*?"(.*?)"', done.stderr, flags=re.M)
    assert set(opened) <= {"/etc/localtime"}  # by the time module


@needs_source
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
def test_it_runs_where_there_is_nothing_else(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "agent")
    done = subprocess.run(["chroot", str(tmp_path), "/agent", "selftest"], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "absent" in done.stdout
    (tmp_path / "conf").write_text("ring_path = /ring\nring_size = 128k\ncontrol_socket = /sock\n")
    words = ["chroot", str(tmp_path), "/agent", "run", "--config", "/conf"]
    agent = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        agent.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        agent.terminate()
    assert "Traceback" not in agent.communicate()[1]
    assert agent.returncode == 0
