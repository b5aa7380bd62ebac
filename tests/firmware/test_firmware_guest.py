"""The whole way, as a maker of firmware has it: compiled on this host, started on a device, asked after a real kill.

An ARM guest in QEMU with Debian's kernel and its root on a disk. Skipped, with the reason, where Nuitka, a cross
compiler, QEMU or Debian's packages cannot be had.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from compiled import DIFFERENTIAL, ROOT, program

import guests
from bed.targets import BOARDS, KERNELS
from rehearsals import parts
from rehearsals.device import CONFIG, RING, Bench, Device, device
from rehearsals.recordings import Told, not_kept, of_report
from trees import load

BOARD = BOARDS["armhf"]
INIT = "/etc/init.d/S01lastgasp"
TREE = "armhf-6.1"
SLOW_S = 300  # of a command in a guest on a busy host
KILLED_STATUS = 137


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """What is booted: the compiled agent, and nothing else of ours."""
    if reason := guests.missing([BOARD]):
        pytest.skip(f"no guests can be made here: {reason}")
    made = program("armv7", tmp_path_factory)
    return Bench(BOARD, KERNELS["6.1"], tmp_path_factory.mktemp("guest"), made)


@contextmanager
def booted(bench: Bench, name: str, disk: Path, files: list[tuple[Path, str]]) -> Iterator[Device]:
    """A guest that is up, with more files; one of two that run at a time."""
    setup = bench.setup(name, disk, {})
    with guests.slot(), device(replace(setup, files=[*setup.files, *files]), bench.file(f"{name}.console")) as there:
        yield there
        there.guest.power_off(60)


def start_by_init(there: Device) -> None:
    """What init does with its scripts; returns when the agent answers."""
    there.guest.check(f"mkdir -p /var/run; sh {INIT} start", SLOW_S)
    there.guest.check(f"until {parts.AGENT} status --config {CONFIG} > /dev/null 2>&1; do sleep 0.5; done", SLOW_S)


def test_a_real_kill_is_recorded_and_read_back_after_the_next_boot(bench: Bench) -> None:
    disk = parts.fresh_disk(bench.file("kill.ext4"), "16M")
    installed = bench.file("S01lastgasp")
    installed.write_bytes((ROOT / "agent/service/lastgasp.sysv").read_bytes())
    installed.chmod(0o755)
    script = [(installed, INIT.lstrip("/"))]
    with booted(bench, "kill", disk, script) as there:
        start_by_init(there)
        there.ask('mark "before the leak"', SLOW_S)
        leak = "/opt/leakd 1200 & echo $!; wait $!; echo $?"
        pid, *_, status = there.guest.check(leak, SLOW_S).split()
        assert int(status) == KILLED_STATUS
        there.guest.check("sleep 5", SLOW_S)
        log = there.kernel_log()
        assert there.guest.check("cat /proc/$(cat /var/run/lastgasp.pid)/comm") == "lastgasp-agent\n"
    with booted(bench, "kill", disk, script) as there:
        start_by_init(there)
        there.ask("flush", SLOW_S)
        there.guest.check(f"sh {INIT} stop", SLOW_S)
    told = Told(parts.take_file(disk, RING, bench.file("kill.ring")))
    assert len(told.recording.boots) == 2
    assert [mark["text"] for mark in told.marks()] == ["before the leak"]
    assert of_report(log)
    assert not not_kept(told.recording.boots[0], of_report(log))
    assert [(kill["victim"], kill["victim_pid"]) for kill in told.report["ooms"]] == [("leakd", int(pid))]
    answer = " ".join(told.report["answer"])
    assert answer.startswith("leakd")
    assert "leak" in answer
    assert not told.lost


def test_on_the_device_the_compiled_agent_writes_the_bytes_of_the_interpreted_one(bench: Bench, tmp_path: Path) -> None:
    load(TREE).materialise(tmp_path / "tree")
    packed = tmp_path / "tree.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(tmp_path / "tree", "tree")
    bytecode = parts.build_agent(tmp_path) / "lastgasp"
    files = [(packed, "opt/tree.tar"), (DIFFERENTIAL, "opt/differential.py"), (bytecode, "opt/bytecode/lastgasp")]
    disk = parts.fresh_disk(bench.file("differential.ext4"), "16M")
    sums = {}
    with booted(bench, "differential", disk, files) as there:
        for name, command in {
            "interpreted": "PYTHONPATH=/opt/bytecode python3 -B -S /opt/differential.py",
            "compiled": parts.AGENT,
        }.items():
            folder = f"/data/{name}"
            there.guest.check(f"mkdir {folder} && cd {folder} && tar xf /opt/tree.tar", SLOW_S)
            there.guest.check(f"cd {folder} && {command} --differential tree ring", SLOW_S)
            sums[name] = there.guest.check(f"sha256sum < {folder}/ring", SLOW_S)
    assert sums["compiled"] == sums["interpreted"]
