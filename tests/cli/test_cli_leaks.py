"""``lastgasp leaks`` as it is called, on recordings of real kills and on made-up ones."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scene import Scene
from stories import STORIES

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
ADJ_DOWN = str(RECORDINGS / "armhf-6.1-adj-down.ring.gz")
EXPLAINED = (ROOT / "agent" / "lastgasp" / "report" / "JSON.md").read_text(encoding="utf-8")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command; standard output is UTF-8 unless told otherwise."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "lastgasp"), *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        check=False,
    )


def told(*arguments: str) -> str:
    done = run("leaks", *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def read(*arguments: str) -> Any:
    return json.loads(told("--json", *arguments))


@pytest.fixture
def ring(tmp_path: Path) -> str:
    """A server that loses 412 bytes a packet in test 7 alone, and one that is steady."""
    scene = Scene(tmp_path / "ring", slots=256).boot()
    chance = random.Random(3)
    packets = lost = 0
    scene.run(200, b"served", lambda _: 2_000 + lost / 1024)
    scene.run(201, b"steady", 900)
    for test in (6, 7, 8, 7, 9, 7):
        scene.event("mark", text=f"test {test} begins")
        for _ in range(60):
            more = chance.randint(200, 400) if chance.random() < 0.2 else chance.randint(0, 5)
            packets += more
            lost += 412 * more * (test == 7)
            scene.interfaces[b"eth0"] = (packets * 300, packets, 0, 0, 0)
            scene.sample(mappings=scene.now_ms % 20_000 == 0)
            scene.at_s += 1
        scene.event("mark", text=f"test {test} ends")
        scene.record(5)
    scene.flush()
    return str(tmp_path / "ring")


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ["adj-down", "memcg-adj", "protected-leaker"])
def test_the_leaker_of_a_real_kill_is_told(name: str) -> None:
    text = told(str(RECORDINGS / f"armhf-6.1-{name}.ring.gz"))
    assert re.match(r"leaker \(pid \d+\) (probably )?leaks \d", text)
    assert "WHO LEAKS" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_mark_in_whose_time_it_grows_is_told(ring: str) -> None:
    (found,) = read(ring)["recordings"]
    during = [one["worst"]["follows"]["during"] for one in found["leaks"] + found["suspicions"] + found["others"]]
    assert [one["text"] for one in during if one] == ["test 7"]
    assert 'only during mark "test 7", set 3 times' in flat(told(ring))


def test_a_leak_is_judged_from_a_mark_on(tmp_path: Path) -> None:
    """Before it, the program shrank; and the last run of the test is no more than one run."""
    scene = Scene(tmp_path / "ring", slots=256).boot()
    chance = random.Random(3)
    packets = 0
    scene.run(200, b"served", lambda t: 9_000 - 20 * t if t < 200 else 5_000 + packets * 412 / 1024)
    scene.record(200)
    scene.event("mark", text="test 7")
    for _ in range(300):
        packets += chance.randint(200, 400) if chance.random() < 0.2 else chance.randint(0, 5)
        scene.interfaces[b"eth0"] = (packets * 300, packets, 0, 0, 0)
        scene.record(1)
    scene.flush()
    path = str(tmp_path / "ring")
    (found,) = read(path, "--since", 'mark:"test 7"')["recordings"]
    (leak,) = found["leaks"]
    assert leak["worst"]["follows"]["driver"]["bytes_per_unit"] == pytest.approx(412, rel=0.03)
    assert leak["worst"]["from_bytes"] == pytest.approx(5_000 * 1024, rel=0.05)
    assert found["span"]["samples"] == 300
    said = flat(told(path, "--since", "mark:test 7"))
    assert re.search(r"412 bytes per received packet on eth0 \(R² (0.9|1.0)", said)


def test_where_judging_begins_is_not_taken_for_the_beginning_of_the_recording() -> None:
    programs = str(RECORDINGS / "real" / "programs.ring.gz")
    said = flat(told(programs, "--since", "09:20:00", "--process", "late-leak"))
    assert "; since before 09:20:00, where judging begins." in said
    assert "Since when late-leak grows: it did before 09:20:00, where judging begins." in said
    assert "recording began" not in said
    said = flat(told(programs, "--since", "09:10:00", "--process", "late-leak"))
    assert "; since 09:15:" in said and "where judging begins" not in said


def test_judging_from_the_first_sample_on_leaves_nothing_out(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot()
    scene.at_s = 60
    scene.run(200, b"leakd", lambda t: 1_000 + 10 * t)
    scene.programs[200].started_ms = 5_000
    scene.record(900).flush()
    said = flat(told(str(tmp_path / "ring"), "--since", "0:01:00"))
    assert "since before the recording began at" in said and "where judging begins" not in said


def test_the_beginning_of_what_a_mark_names_will_do(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=64).boot()
    scene.run(200, b"leakd", lambda t: 1_000 + 10 * t)
    scene.record(30)
    scene.event("mark", text="test 7 begins")
    scene.record(60)
    scene.event("mark", text="test 7 ends")
    scene.record(5).flush()
    (found,) = read(str(tmp_path / "ring"), "--since", "mark:test 7")["recordings"]
    assert found["span"]["samples"] == pytest.approx(65, abs=1)


def test_one_process_can_be_asked_for() -> None:
    text = told(ADJ_DOWN, "--process", "sensord")
    assert text.startswith("sensord (pid 148) does not leak: ")
    assert "leaker" not in text.partition("NEXT")[0]
    assert told(ADJ_DOWN, "--process", "151").startswith("leaker (pid 151) probably leaks")
    assert re.match(r"logger \(pid \d+\) does not leak: steady, \d", told(ADJ_DOWN, "--process", "logger"))


@pytest.mark.parametrize("name", ["notesd", "slow-leak", "tooth-leak"])
def test_who_is_asked_for_is_held_against_the_work_and_told_with_its_mapping(name: str) -> None:
    """Also those who are not among the first eight."""
    text = told(str(RECORDINGS / "real" / "programs.ring.gz"), "--process", name)
    assert re.match(rf"{name} \(pid \d+\) leaks .* to [^;]* of it in [^;]*; since", flat(text))
    assert "not held against" not in text and re.search(r"\n     with     .* of work explains more\n", text)


def test_all_leaks_that_are_shown_are_held_against_the_work() -> None:
    text = told(str(RECORDINGS / "real" / "programs.ring.gz"))
    assert text.count("\n     with     ") >= 8 and "not held against" not in text


def test_a_time_that_one_of_two_recordings_has_is_enough(tmp_path: Path) -> None:
    for name in ("one", "two"):
        scene = Scene(tmp_path / name).boot()
        scene.run(200, b"leakd", lambda t: 1_000 + 10 * t)
        scene.record(60)
        if name == "two":
            scene.event("mark", text="test 7")
        scene.record(120).flush()
    done = run("leaks", "--json", str(tmp_path), "--since", "mark:test 7")
    assert [one["file"] for one in json.loads(done.stdout)["recordings"]] == [str(tmp_path / "two")]
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(f"lastgasp: {tmp_path}/one: --since ".encode())


def test_a_process_that_is_not_there_gets_one_line_with_those_near() -> None:
    done = run("leaks", ADJ_DOWN, "--process", "sensrd")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"lastgasp: no program is called 'sensrd' in ")
    assert b"did you mean 'sensord'? There are: sensord, " in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", ["python3 leaky-api.py", "leaky-api.py", "38"])
def test_a_program_goes_by_the_name_that_is_shown(name: str) -> None:
    text = told(str(RECORDINGS / "real" / "programs.ring.gz"), "--process", name)
    assert text.startswith("python3 leaky-api.py (pid 38) leaks ")
    assert "cached-api" not in text


def test_a_comm_is_all_programs_of_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot()
    scene.run(200, b"python3", lambda t: 900 + 30 * t, command_line=b"python3 /usr/bin/a.py")
    scene.run(201, b"python3", lambda t: 900 + 20 * t, command_line=b"python3 /usr/bin/b.py")
    scene.run(202, b"other", lambda t: 900 + 10 * t)
    scene.record(600).flush()
    (found,) = read(str(tmp_path / "ring"), "--process", "python3")["recordings"]
    assert sorted(one["name"] for one in found["leaks"]) == ["python3 a.py", "python3 b.py"]


def test_of_a_name_that_is_a_part_of_others_these_are_told() -> None:
    done = run("leaks", str(RECORDINGS / "real" / "programs.ring.gz"), "--process", "leaky-api")
    assert b"did you mean 'python3 leaky-api.py'? There are: python3 leaky-api.py, " in done.stderr


@pytest.mark.parametrize("since", ["mark:nothing", "99:00:00", "rubbish"])
def test_a_time_that_is_not_there_gets_one_line(since: str) -> None:
    done = run("leaks", ADJ_DOWN, "--since", since)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)


def test_what_is_no_recording_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    for path in (str(tmp_path / "empty"), str(tmp_path / "none"), str(ROOT / "README.md")):
        done = run("leaks", path)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)


@pytest.mark.parametrize("story", sorted(STORIES))
def test_every_story_is_told_in_80_columns_with_every_field_explained(story: str, tmp_path: Path) -> None:
    path = tmp_path / "story.lgr"
    STORIES[story](path)
    text = told(str(path))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    found = read(str(path))
    (recording,) = found["recordings"]
    assert recording["answer"][0].replace(" ", "") in "".join(text.split())
    keys = set(re.findall(r'"([a-z_0-9]+)": ', json.dumps(found)))
    assert {key for key in keys if f"`{key}`" not in EXPLAINED} == set()


def test_without_unicode_the_curve_is_ascii(ring: str) -> None:
    done = run("leaks", ring, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"curve" in done.stdout


def test_packages_are_named(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=64).boot()
    scene.run(200, b"leakd", lambda t: 500 + 50 * t, mapping=b"/usr/lib/libfoo.so.1")
    scene.record(60, mappings_every=10).flush()
    (tmp_path / "packages-file-list.txt").write_text("libfoo,./usr/lib/libfoo.so.1\n")
    text = flat(told(str(tmp_path / "ring"), "--packages", str(tmp_path / "packages-file-list.txt")))
    assert "libfoo.so.1 100 % of libfoo" in text
