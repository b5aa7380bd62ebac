"""scripts/build-agent: what it makes is the agent, and what it cannot make it says in one line."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import build_agent, native
from test_command import Device

from firmware import bytecode, check, stage, targets
from firmware.errors import BuildError
from lastgasp.recorder.usage import HELP


@pytest.fixture
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return native(tmp_path_factory)


@pytest.fixture
def device(compiled: Path, tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    made.command = [str(compiled)]
    yield made
    made.end()


def test_it_records_marks_and_stops_cleanly(device: Device) -> None:
    agent = device.start()
    assert Path(f"/proc/{agent.pid}/comm").read_text() == "lastgasp-agent\n"
    assert device.run("mark", "test 7").returncode == 0
    assert device.run("status").returncode == 0
    assert device.stop(agent) == (0, "")
    assert device.recording().clean_stop
    assert [values["text"] for values in device.events("mark")] == [b"test 7"]


def test_it_reads_its_configuration_again_and_answers_every_command(device: Device) -> None:
    agent = device.start()
    device.configure(interval="200ms")
    agent.send_signal(signal.SIGHUP)
    for words in (["status", "--json"], ["selftest"], ["flush"], ["dump", "--help"]):
        assert device.run(*words).returncode == 0, words
    assert device.stop(agent) == (0, "")
    assert len(device.events("config")) == 1


def test_what_is_loaded_for_a_moment_is_given_back(device: Device) -> None:
    """Modules that are borrowed for an answer were lost at each question: 32 kB, 3 MB in a hundred."""

    def private_dirty_kb() -> int:
        rollup = Path(f"/proc/{agent.pid}/smaps_rollup").read_text()
        return int(rollup.partition("Private_Dirty:")[2].split()[0])

    def ask(times: int) -> None:
        for _ in range(times):
            assert device.ask_socket("status")

    agent = device.start()
    ask(20)
    before_kb = private_dirty_kb()
    ask(80)
    assert private_dirty_kb() - before_kb < 1000
    device.stop(agent)


def test_a_module_that_is_borrowed_is_not_compiled() -> None:
    """A compiled one is never given back, and its functions do not hold it."""
    borrow = re.compile(r"once\.(?:borrowed|load)\(\"([\w.]+)\"\)")
    borrowed = {f"lastgasp.{name}" for path in bytecode.device_modules() for name in borrow.findall(path.read_text())}
    assert "lastgasp.recorder.status" in borrowed
    assert borrowed <= set(stage.cold_modules())


def test_help_and_mistakes_are_those_of_the_interpreted_agent(compiled: Path) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run([str(compiled), *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert run("--help") == (0, HELP, "")
    assert run() == (2, HELP, "")
    assert run("run", "--config", "/nonexistent")[0] == 2
    interpreted = [sys.executable, "-m", "lastgasp.recorder.main", "run", "--config", "/nonexistent"]
    expected = subprocess.run(interpreted, capture_output=True, text=True, check=False)
    assert run("run", "--config", "/nonexistent") == (expected.returncode, expected.stdout, expected.stderr)


def test_it_has_no_module_of_ours_beside_it_nor_a_path_of_this_host(compiled: Path, tmp_path: Path) -> None:
    alone = tmp_path / "agent"
    alone.write_bytes(compiled.read_bytes())
    alone.chmod(0o755)
    opened = subprocess.run(
        ["strace", "-f", "-e", "trace=openat", str(alone), "selftest", "--config", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert "lastgasp/" not in opened.stderr.replace("/var/lib/lastgasp/", "")
    assert str(Path(__file__).parents[2]).encode() not in compiled.read_bytes()


def test_only_what_runs_on_a_device_is_staged_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    stage.stage(tmp_path)
    staged = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")}
    assert {name.split("/")[1] for name in staged if "/" in name} == {"__init__.py", "proc", "ring", "recorder"}
    for name in staged - {"main.py"}:
        text, source = (tmp_path / name).read_text(), (bytecode.SOURCE / name).read_text()
        assert len(text.splitlines()) == len(source.splitlines())
        assert "from collections.abc" not in text


@pytest.mark.parametrize("name", targets.TARGETS)
def test_another_machines_program_is_not_let_out(name: str, tmp_path: Path) -> None:
    target = targets.TARGETS[name]
    made = tmp_path / "program"
    made.write_bytes(elf(target.bits, target.machine))
    check.check(made, target, ["/no/such/path"])
    for other in set(targets.TARGETS) - {name}:
        with pytest.raises(BuildError):
            check.check(made, targets.TARGETS[other], [])


def test_a_path_of_the_host_in_a_program_is_named(tmp_path: Path) -> None:
    made = tmp_path / "program"
    made.write_bytes(elf(64, 62) + b"/home/me/build/main.py\0more")
    with pytest.raises(BuildError, match=r"names a path of this host: '/home/me/build/main\.py'"):
        check.check(made, targets.TARGETS["x86_64"], ["/home/me"])


def test_a_run_path_is_seen(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n")
    made = tmp_path / "program"
    subprocess.run(["gcc", "-Wl,-rpath,/opt/lib", "-o", str(made), str(source)], check=True)
    machine = next(target for target in targets.TARGETS.values() if target.machine == made.read_bytes()[18])
    with pytest.raises(BuildError, match="has a run path"):
        check.check(made, machine, [])


def elf(bits: int, machine: int) -> bytes:
    """The head of a little-endian program without segments."""
    head = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9) + struct.pack("<HHI", 2, machine, 1)
    return head.ljust(64, b"\0")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "which processor? Give --arch, or --cc with --sysroot"),
        (["--arch", "armv7", "--jobs", "0"], 2, "--jobs 0: at least 1"),
        (["--cc", "no-such-gcc"], 125, "no-such-gcc: No such file or directory"),
        (["--arch", "x86_64", "--cc", "gcc", "--sysroot", "/proc"], 1, "/proc: no usr/include/python3.*/Python.h"),
        (["--arch", "armv7", "--cc", "gcc"], 1, "compiles for"),
        (["--arch", "x86_64", "--python", "/no/python"], 125, "/no/python: No such file or directory"),
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="its compiler is for another processor")
def test_a_mistake_is_told_in_one_line(words: list[str], status: int, said: str) -> None:
    done = build_agent(*words)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
