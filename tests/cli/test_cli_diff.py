"""The real command line of ``lastgasp diff``: two firmware versions, and what of their difference is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from test_cli_report import complaint
from test_cli_report import lastgasp as as_a_process

from commands import lastgasp
from lastgasp.report import as_json
from lastgasp.report.screen import WIDTH
from lastgasp.report.visible import columns
from scene import Scene
from stories import STORIES

GOLDEN = Path(__file__).parent / "golden"
RECORDINGS = Path(__file__).parents[1] / "recordings"
MINUTES = 30
PAGE = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^# `lastgasp (\S+) --json`\n(.*?)(?=^# |\Z)", PAGE))


def golden(name: str, done: subprocess.CompletedProcess[bytes]) -> str:
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    path = GOLDEN / f"diff-{name}.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    for line in text.splitlines():
        assert columns(line) <= WIDTH
        assert line == line.rstrip()
    return text


def device(path: Path, version: str, run: Callable[[Scene], None], minutes: float = MINUTES, **machine: str) -> None:
    """A device with some firmware runs for a while, and packets come in."""
    scene = Scene(path, slots=256, interval_s=5)
    scene.interfaces[b"eth0"] = (0,) * 5
    scene.boot()
    machine = {"os.pretty_name": f"Buildroot {version}", "os.version_id": version, **machine}
    scene.event(
        "machine", **{"kernel": "6.1.0", "page_size": "4096", "clock_ticks": "100", "total_kb": "65536", **machine}
    )
    run(scene)
    for number in range(round(minutes * 2)):
        scene.interfaces[b"eth0"] = (number * 60_000, number * 120, 0, number * 900, number * 60)
        scene.record(30, mappings_every=6)
    scene.stop()


def old_firmware(scene: Scene) -> None:
    scene.run(100, b"init", 300)
    scene.run(200, b"sensord", 8400)
    scene.run(300, b"httpd", lambda t: 500 + 1200 * ((t % 300) / 300))
    scene.run(301, b"logd", 4000)
    scene.run(302, b"oldd", 1100)


def new_firmware(scene: Scene) -> None:
    scene.run(100, b"init", 300)
    scene.run(200, b"sensord", lambda t: 11_300 + t * 41 / 60)
    scene.run(300, b"httpd", lambda t: 500 + 1200 * ((t % 310) / 310))
    scene.run(301, b"logd", 2900)
    scene.run(303, b"metricsd", 2300)


def leaking_firmware(scene: Scene) -> None:
    scene.run(400, b"newd", lambda t: 3_000 + t * 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    device(folder / "old.lgr", "2025.02", old_firmware)
    device(folder / "new.lgr", "2025.08", new_firmware, kernel="6.6.3")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    for name in ("old.lgr", "new.lgr"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def test_who_needs_more_and_who_leaks_now_come_first(folder: Path) -> None:
    text = golden("worse", lastgasp(folder, "diff", "old.lgr", "new.lgr"))
    first = " ".join(text.split())
    assert first.startswith("sensord needs 3.1 MB more (8.2 MB → 11.3 MB, high confidence), and now leaks 2.4 MB/h.")


def test_the_same_firmware_twice_is_no_difference(folder: Path) -> None:
    device(folder / "again.lgr", "2025.02", old_firmware)
    text = golden("same", as_a_process(folder, "diff", "old.lgr", "again.lgr"))
    assert text.startswith("Nothing changed beyond noise: 5 programs and the machine's memory are as before.\n")


def test_the_other_way_round_is_an_improvement(folder: Path) -> None:
    text = golden("better", lastgasp(folder, "diff", "new.lgr", "old.lgr"))
    assert "sensord needs 3.1 MB less" in " ".join(text.split())
    assert "no longer leaks" in text


def test_folders_are_several_runs_of_one_firmware(folder: Path) -> None:
    for side, run in (("a", old_firmware), ("b", new_firmware)):
        (folder / side).mkdir()
        for number in range(3):
            device(folder / side / f"{number}.lgr", side, run, minutes=10 + number)
    text = golden("folders", lastgasp(folder, "diff", "a", "b"))
    assert "3 recordings" in text
    assert "With several recordings" not in text


def test_other_work_and_another_length_make_everything_less_sure(folder: Path) -> None:
    scene = Scene(folder / "busy.lgr", slots=256, interval_s=5)
    scene.interfaces[b"eth0"] = (0,) * 5
    scene.boot()
    scene.run(200, b"sensord", 9800)
    for number in range(14):
        scene.interfaces[b"eth0"] = (number * 600_000, number * 9000, 0, number * 900, number * 60)
        scene.record(30)
    scene.stop()
    text = golden("doubtful", lastgasp(folder, "diff", "old.lgr", "busy.lgr"))
    assert "Less sure than it could be" in text


def test_json_says_the_same(folder: Path) -> None:
    done = lastgasp(folder, "diff", "old.lgr", "new.lgr", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["lastgasp_diff"]) == (0, 1)
    assert found["answer"][0].startswith("sensord needs 3.1 MB more")
    sensord = found["programs"][0]
    assert (sensord["name"], sensord["worse"], sensord["slope"]["turn"]) == ("sensord", True, "now leaks")
    assert {one["name"]: one["presence"] for one in found["programs"] if one["presence"] != "both"} == {
        "metricsd": "new",
        "oldd": "gone",
    }
    assert [setting["name"] for setting in found["conditions"]["settings"]] == [
        "kernel",
        "os.pretty_name",
        "os.version_id",
    ]


def test_two_real_recordings_of_one_guest(folder: Path) -> None:
    for number, name in enumerate(("armhf-6.1-adj-down", "armhf-6.1-protected-leaker")):
        (folder / f"{number}.ring.gz").write_bytes((RECORDINGS / f"{name}.ring.gz").read_bytes())
    text = golden("real", lastgasp(folder, "diff", "0.ring.gz", "1.ring.gz"))
    assert text.startswith(
        "2 OOM kills in 28 s of NEW, 1 in 29 s of OLD.\nNo program needs or leaks more than before.\n"
    )
    assert "oom_score_adj of leaker: -800 → -1000" in text
    assert "nothing that was recorded" not in text


def real(one: str, other: str, *more: str) -> str:
    done = lastgasp(RECORDINGS, "diff", one, other, *more)
    assert (done.returncode, done.stderr) == (0, b"")
    assert all(columns(line) <= WIDTH for line in done.stdout.decode().splitlines()) or more
    return done.stdout.decode()


def told(page: str) -> str:
    return " ".join(page.split())


def test_a_new_program_that_leaks_is_worse_and_leads() -> None:
    page = told(real("real/sound.ring.gz", "real/programs.ring.gz"))
    assert page.startswith(
        "historyd is new and leaks 40.9 MB/h (high confidence); 83 OOM kills in 45 min 13 s of NEW, 64"
    )
    assert "No program" not in page
    assert "sampled every: 5 s → 1 s" in page
    assert "nothing that was recorded" not in page
    found = json.loads(real("real/sound.ring.gz", "real/programs.ring.gz", "--json"))
    assert found["conditions"]["interval_ms"] == [5000, 1000]
    historyd = found["programs"][0]
    assert (historyd["name"], historyd["presence"], historyd["worse"]) == ("historyd", "new", True)
    report = json.loads(lastgasp(RECORDINGS, "report", "real/programs.ring.gz", "--json").stdout)["recordings"][0]
    sure = {one["name"]: one["worst"]["verdict"]["confidence"] for one in report["growth"]}
    new = {one["name"]: one["slope"] for one in found["programs"] if one["presence"] == "new" and one["slope"]}
    assert {name: slope["confidence"] for name, slope in new.items()} == {name: sure[name] for name in new}


def test_a_new_program_that_leaks_is_listed_though_it_ran_in_one_recording_only(folder: Path) -> None:
    (folder / "b").mkdir()
    device(folder / "b" / "1.lgr", "2025.02", old_firmware)
    device(folder / "b" / "2.lgr", "2025.02", leaking_firmware)
    page = told(lastgasp(folder, "diff", "old.lgr", "b").stdout.decode())
    assert page.startswith("newd is new and leaks 7.0 MB/h (high confidence).")
    assert "new: newd (" in page
    assert "newd leaks 7.0 MB/h (high confidence)" in page.partition("PROGRAMS")[2]


def test_oom_kills_that_are_more_stand_in_the_first_sentence_with_who_leaks() -> None:
    page = told(real("armhf-6.1-tune.ring.gz", "armhf-6.1-protected-leaker.ring.gz"))
    assert page.startswith(
        "leaker is new and leaks 231 MB/min (medium confidence); 2 OOM kills in 28 s of NEW, 1 in 14 s"
    )


def test_programs_seen_too_briefly_are_not_said_to_be_as_before() -> None:
    page = told(real("endings/armhf-6.1-overcommit-2.ring.gz", "endings/arm64-6.1-panic.ring.gz"))
    assert page.startswith("No program can be compared: on one side at least, all ran for less than 10 s.")
    assert "9 programs ran too briefly to compare" in page
    assert "as before" not in page


def test_a_side_of_several_machines_is_said_to_be_one() -> None:
    page = told(real("oom", "oom"))
    assert "6 recordings: lastgasp-real, Debian GNU/Linux 12 (bookworm), Linux 6.18.44, 23.5 GB RAM" in page
    assert "5 recordings: bed, Linux 6.1.0-50-armmp, 45.2 MB RAM" in page
    assert "the runs of OLD and NEW are not of one machine and firmware" in page
    assert "nothing that was recorded" not in page


def test_devices_of_one_kind_are_one_machine_of_several_hosts(folder: Path) -> None:
    (folder / "bench").mkdir()
    for number in range(3):
        device(folder / "bench" / f"{number}.lgr", "2025.02", old_firmware, minutes=3, host=f"bench-{number}")
    page = told(lastgasp(folder, "diff", "bench", "bench").stdout.decode())
    assert "3 boots, 3 hosts, Buildroot 2025.02" in page
    assert "nothing that was recorded: same firmware and settings" in page


@pytest.mark.parametrize("story", sorted(STORIES))
def test_every_story_can_be_compared_with_another_recording_and_is_like_itself(story: str, folder: Path) -> None:
    STORIES[story](folder / "story.lgr")
    for arguments in (["old.lgr", "story.lgr"], ["story.lgr", "old.lgr"]):
        done = lastgasp(folder, "diff", *arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode()
        assert all(columns(line) <= WIDTH for line in text.splitlines())
        assert all(c.isprintable() or c == "\n" for c in text)
    found = json.loads(lastgasp(folder, "diff", "story.lgr", "story.lgr", "--json").stdout)
    assert [one["name"] for one in found["programs"] if one["changed"]] == []


def test_what_it_says_to_do_next_can_be_done(folder: Path) -> None:
    lines = lastgasp(folder, "diff", "old.lgr", "new.lgr").stdout.decode().partition("NEXT\n")[2].splitlines()
    commands = [line.split() for line in lines if line.startswith("  lastgasp ")]
    assert commands
    for command in commands:
        assert lastgasp(folder, *command[1:]).returncode == 0


def test_every_field_of_the_json_is_explained(folder: Path) -> None:
    for name, arguments in (("diff", ["old.lgr", "new.lgr"]), ("check", ["old.lgr", "--budget", "b.toml"])):
        (folder / "b.toml").write_text("[process.'*']\npeak = '9 MB'\ngrowth = 0\n[system]\nslab = '1 MB'\n")
        explained = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", SECTIONS[name] + SECTIONS["report"]))))
        fields = keys(json.loads(lastgasp(folder, name, *arguments, "--json").stdout))
        assert {"answer", "next"} < fields
        assert fields <= explained, f"{name}: not in JSON.md: {fields - explained}"


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys(item) for item in value.values()))
    return set().union(*(keys(item) for item in value)) if isinstance(value, list) else set()


def test_bad_input_is_one_line_and_status_1(folder: Path) -> None:
    (folder / "empty.lgr").touch()
    assert "empty.lgr: empty file" in complaint(lastgasp(folder, "diff", "old.lgr", "empty.lgr"))
    assert "nothing.lgr: No such file" in complaint(lastgasp(folder, "diff", "nothing.lgr", "old.lgr"))


def test_a_recording_without_a_sample_is_told(folder: Path) -> None:
    Scene(folder / "started.lgr").boot().flush()
    assert "no sample can be decoded" in complaint(lastgasp(folder, "diff", "old.lgr", "started.lgr"))


@pytest.mark.parametrize("arguments", [[], ["old.lgr"], ["-", "-"]])
def test_wrong_use(folder: Path, arguments: list[str]) -> None:
    assert lastgasp(folder, "diff", *arguments).returncode == 2
