"""``lastgasp oom`` as it is called: exit status, bad input, streams, JSON."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lastgasp.report.visible import columns
from oomstories import STORIES
from scene import Scene

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests" / "oomlogs"
LOG = LOGS / "armhf-global-c.txt"


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "lastgasp.cli.main", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT / "agent")},
    )


def test_a_log_is_explained() -> None:
    done = run("oom", str(LOG))
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.startswith(b"leaker (pid 95) asked for one page for its own memory")


@pytest.mark.parametrize("lines", [231, 234])
def test_a_log_that_ends_in_the_task_table_names_nobody(lines: int) -> None:
    """As a serial console's does whose machine died there; the leaker stands behind the cut."""
    log = b"".join(LOG.read_bytes().splitlines(keepends=True)[:lines])
    assert b"oom_score_adj name" in log and b"leaker\n" not in log
    said = b" ".join(run("oom", "-", stdin=log).stdout.split())
    assert b"Who held most is not told: the log ends in the task table" in said
    assert b"held most: " not in said and b"nobody: no process is left" not in said
    assert b"it would have taken" not in said


def test_whom_a_killer_in_user_space_killed_is_told_also_where_it_is_a_group() -> None:
    line = (
        b"Mar  3 10:00:01 host systemd-oomd[312]: Killed /system.slice/app.service due to memory pressure for"
        b" /system.slice being 92.32% > 60.00% for > 30s with reclaim activity\n"
    )
    said = run("oom", "-", stdin=line).stdout
    assert said.startswith(b"Not the kernel but systemd-oomd killed the group /system.slice/app.service, all\n")


def test_processes_of_one_name_are_told_as_several() -> None:
    said = b" ".join(run("oom", str(LOGS / "armhf-global-py.txt")).stdout.split())
    assert b"2 processes named python3, the victim among them, together held most: 70.5 MB" in said


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_and_gzip(packed: bool, tmp_path: Path) -> None:
    data = gzip.compress(LOG.read_bytes()) if packed else LOG.read_bytes()
    done = run("oom", "-", stdin=data)
    assert done.returncode == 0, done.stderr
    assert b"leaker (pid 95)" in done.stdout
    path = tmp_path / "log"
    path.write_bytes(data)
    assert run("oom", str(path)).stdout.splitlines()[:3] == done.stdout.splitlines()[:3]


@pytest.mark.parametrize("kind", ["empty", "no report", "random", "zeros", "folder", "missing", "device"])
def test_bad_input_gets_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    contents = {
        "empty": b"",
        "no report": b"[    0.000000] Booting Linux\n" * 20,
        "random": random.Random(1).randbytes(100_000),
        "zeros": bytes(1 << 20),
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/null")
    done = run("oom", str(path))
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"lastgasp: " + str(path).encode())
    assert b"bug" not in done.stderr


def test_wrong_use() -> None:
    assert run("oom").returncode == 2


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m lastgasp.cli.main oom {LOGS / 'armhf-adj-leaker-900.txt'} | head -1"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "agent")}
    done = subprocess.run(command, shell=True, capture_output=True, env=env, timeout=60)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


def test_every_json_field_is_explained_and_every_one_explained_is_there(tmp_path: Path) -> None:
    explained = (ROOT / "agent" / "lastgasp" / "report" / "JSON.md").read_text()
    known = set(re.findall(r"`([a-z_]+)`", explained))

    def keys(value: object) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value)) if value else set()
        if not isinstance(value, dict):
            return set()
        return set(value) | set().union(*(keys(value[key]) for key in value if key not in FOREIGN))

    # Their own keys are the kernel's words, or kinds of memory.
    FOREIGN = {"parts", "counts", "nodes", "nodes_unreclaimable", "hugepages", "kb", "slab_kb", "stats", "other"}
    FOREIGN |= {"left_kb", "report"}
    paths = [
        LOGS / name for name in ("armhf-memcg.txt", "armhf-slab2.txt", "armhf-overcommit2.txt", "armhf-nodump.txt")
    ]
    paths.append(LOGS / "armhf-adj-leaker-900.txt")
    for name, story in STORIES.items():
        story(tmp_path / name)
        paths.append(tmp_path / name)
    printed: set[str] = set()
    for path in paths:
        found = json.loads(run("oom", "--json", str(path)).stdout)
        assert found["lastgasp_oom"] == 1
        assert keys(found) <= known, keys(found) - known
        printed |= keys(found)
    section = explained.partition("# `lastgasp oom --json`")[2].partition("\n# `")[0]
    promised = set(re.findall(r"`([a-z]+_[a-z_]+)`", section)) | {"before", "together", "loops", "loads", "happened"}
    assert promised <= printed | FOREIGN, promised - printed


def test_a_recording_is_recognised_and_its_messages_explained(tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    scene = Scene(path).boot()
    scene.record(5)
    texts = [re.sub(rb"^\[ *[\d.]+\] ", b"", line) for line in LOG.read_bytes().splitlines()]
    begin = next(n for n, text in enumerate(texts) if b"invoked oom-killer" in text)
    scene.kernel_says(*texts[begin:])
    scene.record(5)
    scene.stop()
    for done in (run("oom", str(path)), run("oom", "-", stdin=path.read_bytes())):
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"leaker (pid 95) asked for one page")
        assert b"BEFORE THE KILL" in done.stdout
        assert b"2026-11-23 14:00:" in done.stdout
        assert re.search(rb"95 leaker +58\.9 MB", done.stdout)


def test_a_recording_without_a_report_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    Scene(path).boot().record(5).stop()
    done = run("oom", str(path))
    assert done.returncode == 1
    assert b"no OOM report in this recording" in done.stderr
    assert b"what else it says: lastgasp report " in done.stderr


def folder_with_logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    (folder / "sub").mkdir(parents=True)
    for name in ("armhf-adj-leaker-900.txt", "armhf-overcommit2.txt", "armhf-panic1.txt"):
        (folder / name).write_bytes((LOGS / name).read_bytes())
    (folder / "a\x1b[2Jb").write_bytes(LOG.read_bytes())
    (folder / "packed.gz").write_bytes(gzip.compress(LOG.read_bytes()))
    (folder / "boot.txt").write_bytes(b"[    0.000000] Booting Linux\n" * 20)
    (folder / "empty").write_bytes(b"")
    STORIES["leak_ends_in_its_kill"](folder / "ring.lgr")
    Scene(folder / "calm.lgr").boot().record(5).stop()
    return folder


def test_a_folder_is_told_in_one_line_a_file(tmp_path: Path) -> None:
    done = run("oom", str(folder_with_logs(tmp_path)))
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert text.startswith("6 of 9 files tell of memory shortage: 10 kills, 1 kernel panic.\n")
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert re.search(r" 7  plus200 \(pid 95\) +shielded process holds it$", lines["armhf-adj-leaker-900.t…"])
    assert re.search(r" 5  leaker \(pid 90\) +refused by overcommit$", lines["armhf-overcommit2.txt"])
    assert re.search(r" 1  \(kernel panic\) +one process holds most$", lines["armhf-panic1.txt"])
    assert re.search(r" 1  leaker \(pid 95\) +leaker leaks$", lines["ring.lgr"])
    assert "a\\x1b[2Jb" in lines
    assert "Without an OOM report: 3 files (boot.txt, calm.lgr, empty)." in text
    assert "Not looked into: 1 folder in it." in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_files_whose_names_begin_alike_can_be_told_apart(tmp_path: Path) -> None:
    names = [f"gateway-production-line-2026-11-{day:02}.log" for day in range(1, 6)] + ["short.log", "界" * 20 + "1"]
    for name in names:
        (tmp_path / name).write_bytes(LOG.read_bytes())
    lines = run("oom", str(tmp_path)).stdout.decode().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("file "))
    shown = [line.split("   ")[0].split("  ")[0] for line in lines[begin + 1 : begin + 1 + len(names)]]
    assert len(set(shown)) == len(names)
    for name, label in zip(sorted(names, key=str.encode), shown, strict=True):
        if name.startswith("gateway"):
            assert label == f"gatew…{name[-17:]}"
    assert all(columns(line) <= 80 for line in lines)


def test_a_folder_as_json(tmp_path: Path) -> None:
    found = json.loads(run("oom", "--json", str(folder_with_logs(tmp_path))).stdout)
    assert next(one["file"] for one in found["files"]) == "a\\x1b[2Jb"
    assert sum(one["kills"] for one in found["files"]) == 10
    assert found["without"] == 3
    explained = (ROOT / "agent" / "lastgasp" / "report" / "JSON.md").read_text()
    known = set(re.findall(r"`([a-z_]+)`", explained.partition("Of a folder instead")[2].partition("# `")[0]))
    assert set(found) - {"lastgasp_oom"} | set(found["files"][0]) == known


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_explained(tmp_path: Path) -> None:
    folder = folder_with_logs(tmp_path)
    (folder / "locked").symlink_to("locked")  # to itself
    (folder / "x.txt").write_bytes(LOG.read_bytes())
    done = run("oom", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"7 of 11 files")
    assert b"locked: Too many levels of symbolic links" in b" ".join(done.stdout.split())


def test_what_to_do_about_a_leak_is_as_sure_as_the_leak() -> None:
    """A real ring: 13 s of growth, which may be a leak."""
    ring = ROOT / "tests" / "recordings" / "armhf-6.1-vfork.ring.gz"
    said = b" ".join(run("oom", str(ring)).stdout.split())
    assert b"Record launcher for longer" in said
    assert b"If launcher leaks, that is to be mended." in said and b"Mend the leak" not in said
