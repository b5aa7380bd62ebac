"""The compiled agent writes the very bytes that the interpreted one writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from compiled import DIFFERENTIAL, ROOT, native

from lastgasp.timeline.load import load as load_ring
from trees import load

TREES = ("armhf-6.1", "arm64-6.1", "x86_64-6.18")


def record(command: list[str], tree: str, folder: Path) -> bytes:
    """The ring that this agent writes of a captured tree."""
    folder.mkdir()
    load(tree).materialise(folder / "tree")
    environment = {"PYTHONPATH": str(ROOT / "agent"), "LANG": "C"}
    done = subprocess.run(
        [*command, "--differential", "tree", "ring"], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return (folder / "ring").read_bytes()


@pytest.mark.parametrize("tree", TREES)
def test_of_the_same_tree_the_ring_has_the_same_bytes(
    tree: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    compiled = native(tmp_path_factory)
    expected = record([sys.executable, "-B", str(DIFFERENTIAL)], tree, tmp_path / "interpreted")
    assert record([str(compiled)], tree, tmp_path / "compiled") == expected


def test_the_ring_that_is_compared_has_all_that_the_agent_records(tmp_path: Path) -> None:
    """Else two empty rings would be equal."""
    record([sys.executable, "-B", str(DIFFERENTIAL)], "armhf-6.1", tmp_path / "interpreted")
    boot = load_ring(str(tmp_path / "interpreted/ring"))[0].boots[0]
    assert len(boot.sample_at) == 40
    tables = {b"meminfo", b"vmstat", b"process", b"process.details", b"buddyinfo", b"cgroup", b"slabinfo", b"recorder"}
    assert tables <= set(boot.tables)
    assert len(boot.processes) > 20
    assert {"start", "machine", "alert", "stop"} <= {event.kind for event in boot.events}
