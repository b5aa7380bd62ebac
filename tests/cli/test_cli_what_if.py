"""``lastgasp what-if`` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli_oom import LOG, LOGS, run

from lastgasp.cli.main import main
from scene import Scene


def test_another_is_killed() -> None:
    done = run("what-if", str(LOG), "--oom-score-adj", "leaker=-900")
    assert done.returncode == 0
    text = b" ".join(done.stdout.split())
    assert b"Here the kernel killed leaker (pid 95); with this change it would have taken hogA (pid 89) first." in text


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_rule_for_nobody_is_one_line_with_those_near(output: list[str]) -> None:
    done = run("what-if", str(LOG), "--oom-score-adj", "hogA=5", "--oom-score-adj", "laeker=0", *output)
    assert (done.returncode, done.stdout) == (1, b"")
    said = f"lastgasp: no program is called 'laeker' in {LOG}; did you mean 'leaker'? There are: leaker, "
    assert done.stderr.decode().startswith(said) and done.stderr.count(b"\n") == 1
    assert b"no process with pid 9999 is in " in run("what-if", str(LOG), "--oom-score-adj", "9999=0").stderr


def test_a_rule_for_one_of_several_reports_is_no_mistake(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(LOG.read_bytes() + LOG.read_bytes().replace(b"leaker", b"talker"))
    done = run("what-if", str(log), "--oom-score-adj", "leaker=0")
    assert done.returncode == 0
    assert b"No process in the table is leaker: that rule changed nothing." in b" ".join(done.stdout.split())


def test_much_protected_is_warned_of() -> None:
    done = run("what-if", str(LOG), "--oom-score-adj", "leaker=-1000")
    assert b"of all: the kernel can only take from the rest" in b" ".join(done.stdout.split())


def test_everybody_protected_is_a_panic() -> None:
    done = run("what-if", str(LOG), "--oom-score-adj", "*=-1000")
    assert b"nobody might have been killed: the kernel would have panicked" in b" ".join(done.stdout.split())


def test_more_of_everything_in_json() -> None:
    done = run("what-if", str(LOGS / "armhf-memcg.txt"), "--limit", "+8M", "--swap", "32M", "--json")
    found = json.loads(done.stdout)
    assert found["lastgasp_what_if"] == 1
    assert found["change"]["limit_kb"] == 8192
    assert found["reports"][0]["outcome"]["kills"][0]["name"] == "leaker"


def test_what_repeats_is_told_in_brief_and_json_tells_all(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(LOG.read_bytes() * 20)
    arguments = ("what-if", str(log), "--oom-score-adj", "leaker=-900")
    text = run(*arguments).stdout.decode()
    words = " ".join(text.split())
    heads = [line.rstrip("- ") for line in text.splitlines() if line.startswith("EVENT")]
    assert heads == ["EVENT 1 OF 20", "EVENTS 2 TO 20 OF 20"]
    assert "The same as in event 1:" in text and "… 7 more; --json tells of them" in text
    assert words.count("with this change it would have taken hogA") == 13
    assert len(json.loads(run(*arguments, "--json").stdout)["reports"]) == 20


def test_who_else_is_killed_is_told_whole_and_what_it_cannot_say_once() -> None:
    text = run("what-if", str(LOGS / "armhf-adj-leaker-900.txt"), "--ram", "+8M").stdout.decode()
    assert "EVENT 7 OF 7" in text and "EVENT 6 OF 7" in text
    assert text.count("WHAT THIS CAN'T SAY") == 1
    assert "What this can't say: as for event 1." in text


def test_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run("what-if", str(tmp_path), "--ram", "+8M")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"lastgasp: {tmp_path}: a folder; name one log or recording in it\n"


def test_a_report_without_a_table_cannot_tell() -> None:
    done = run("what-if", str(LOGS / "armhf-nodump.txt"), "--ram", "+64M")
    assert done.returncode == 0
    assert b"it has no task table" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--oom-score-adj", "leaker"],
        ["--oom-score-adj", "leaker=2000"],
        ["--ram", "64"],
        ["--overcommit-ratio", "80"],
        ["--overcommit-memory", "1"],
        ["--overcommit-memory", "2", "--ram", "64M"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    done = run("what-if", str(LOG), *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr


def test_overcommit_needs_a_recording() -> None:
    done = run("what-if", str(LOG), "--overcommit-memory", "2")
    assert done.returncode == 1
    assert b"not a recording" in done.stderr


def committed(path: Path, *sizes: int) -> None:
    scene = Scene(path)
    scene.meminfo["Committed_AS"] = sizes[0] if sizes else None
    scene.boot()
    for size in sizes or (0,):
        if sizes:
            scene.meminfo["Committed_AS"] = size
        scene.record(5)
    scene.stop()


def test_overcommit_over_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ring.lgr"
    committed(path, 10_000, 40_000, 20_000)
    assert main(["what-if", str(path), "--overcommit-memory", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Yes: from 2026-11-23 14:00:")
    assert "CommitLimit 32.0 MB" in out
    assert main(["what-if", str(path), "--overcommit-memory", "2", "--overcommit-ratio", "90"]) == 0
    assert capsys.readouterr().out.startswith("No: at most 39.1 MB were promised")


def test_overcommit_that_was_not_recorded_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ring.lgr"
    committed(path)
    assert main(["what-if", str(path), "--overcommit-memory", "2"]) == 1
    assert "Committed_AS or MemTotal is not in this recording" in capsys.readouterr().err
