"""Tier 1 and 2 over /proc trees captured from real kernels: what was read comes out of the ring unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from taped import Taped

from lastgasp.recorder.config import Config
from lastgasp.recorder.identity import machine
from lastgasp.recorder.sampler import Sampler
from trees import Tree, load

TREES = ("armhf-6.1", "arm64-6.1", "x86_64-6.18")


@pytest.fixture(params=TREES)
def tree(request: pytest.FixtureRequest) -> Tree:
    return load(request.param)


@pytest.fixture
def sampled(tree: Tree, taped: Taped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Taped:
    """One slow sample of everything, then every process's details."""
    monkeypatch.setattr("posix.sysconf", lambda name: tree.page_size if "PAGE" in name else tree.clock_ticks)
    root = tree.materialise(tmp_path / "tree").encode() + b"/"
    sampler = Sampler(taped.encoder, Config(), root)
    sampler.take(1000, slow=True, pressure=True)
    taped.encoder.begin(2000, 3)
    sampler.processes.detail_some(2000, 1000)
    taped.encoder.end()
    return taped


def words_after(text: bytes, name: bytes) -> list[bytes]:
    match = re.search(rb"^" + re.escape(name) + rb"(.*)$", text, re.MULTILINE)
    assert match is not None
    return match.group(1).split()


def test_the_machines_memory_is_what_meminfo_said(tree: Tree, sampled: Taped) -> None:
    boot, meminfo = sampled.boot(), tree.files["proc/meminfo"]
    for name in ("MemFree", "MemAvailable", "AnonPages", "SUnreclaim", "Committed_AS"):
        assert boot.latest("meminfo", b"", name) == int(words_after(meminfo, name.encode() + b":")[0])
    assert boot.latest("meminfo.slow", b"", "MemTotal") == int(words_after(meminfo, b"MemTotal:")[0])


def test_a_line_that_a_kernel_does_not_have_is_absent_not_zero(tree: Tree, sampled: Taped) -> None:
    boot, meminfo = sampled.boot(), tree.files["proc/meminfo"]
    for name in ("CmaFree", "HighFree", "Zswap", "SecPageTables", "Hugetlb"):
        table = "meminfo" if name == "CmaFree" else "meminfo.slow"
        found = boot.latest(table, b"", name)
        assert (found is None) == (b"\n" + name.encode() + b":" not in meminfo)


def test_counters_of_the_machine_are_those_of_the_kernel(tree: Tree, sampled: Taped) -> None:
    boot = sampled.boot()
    for name in ("pgmajfault", "oom_kill", "pgscan_direct"):
        assert boot.latest("vmstat", b"", name) == int(words_after(tree.files["proc/vmstat"], name.encode() + b" ")[0])
    for name in ("ctxt", "processes", "procs_running"):
        assert boot.latest("stat", b"", name) == int(words_after(tree.files["proc/stat"], name.encode() + b" ")[0])
    for key in boot.rows("buddyinfo"):
        node, zone = key.split(b" ")
        line = words_after(tree.files["proc/buddyinfo"], b"Node " + node + b", zone" + zone.rjust(9))
        assert boot.latest("buddyinfo", key, "order0") == int(line[0])
    pressure = tree.files["proc/pressure/memory"]
    assert boot.latest("pressure", b"memory", "some_us") == int(pressure.split(b"total=")[1].split()[0])


def test_every_process_of_the_tree_is_there_with_its_memory_and_its_name(tree: Tree, sampled: Taped) -> None:
    boot = sampled.boot()
    pids = {int(path.split("/")[1]) for path in tree.files if re.fullmatch(r"proc/\d+/stat", path)}
    assert {process.pid for process in boot.processes.values()} == pids
    for process in boot.processes.values():
        comm = tree.files[f"proc/{process.pid}/comm"]
        assert process.name == comm.removesuffix(b"\n")
        statm = tree.files[f"proc/{process.pid}/statm"].split()
        assert boot.latest("process", process.key, "rss") == int(statm[1])
        if not process.kernel:
            status = tree.files[f"proc/{process.pid}/status"]
            hwm = boot.latest("process.details", process.key, "VmHWM")
            assert hwm == (int(words_after(status, b"VmHWM:")[0]) if b"VmHWM" in status else None)
            adj = tree.files[f"proc/{process.pid}/oom_score_adj"]
            assert boot.latest("process.details", process.key, "oom_score_adj") == int(adj)
            fds = [path for path in tree.links if path.startswith(f"proc/{process.pid}/fd/")]
            assert boot.latest("process.details", process.key, "fds") == len(fds)


def test_the_machine_is_described(tree: Tree, tmp_path: Path) -> None:
    root = tree.materialise(tmp_path / "again").encode() + b"/"
    found = dict(machine(root, b"0.1"))
    assert found[b"vm.overcommit_memory"] == tree.files["proc/sys/vm/overcommit_memory"].strip()
    assert found[b"total_kb"] == words_after(tree.files["proc/meminfo"], b"MemTotal:")[0]
    assert int(found[b"cpus"]) >= 1
