"""``lastgasp fleet``: a folder of many recordings, other files and damage among them, said in one line each.

LASTGASP_GOLDEN=write writes the golden pages anew, to be read before they are kept.
"""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from filled import FILLED
from lastgasp.analysis.facts import gather
from lastgasp.analysis.fleet import Cause, Device, Firmware, Kind, join, summary
from lastgasp.analysis.forecast import Forecast
from lastgasp.analysis.times import Moment
from lastgasp.cli import fleet
from lastgasp.cli.main import main
from lastgasp.report import as_json
from lastgasp.report.answer import answer
from lastgasp.report.fleet import Unread, _tail, draw
from lastgasp.report.fleet import answer as fleet_answer
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns, visible
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

GOLDEN = Path(__file__).parent / "golden"
REAL = Path(__file__).parents[1] / "recordings"
PAGE = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8")
SECTION = re.search(r"(?ms)^# `lastgasp fleet --json`\n(.*?)(?=^# |\Z)", PAGE)
OLD, NEW = {"os.pretty_name": "Acme OS", "os.version_id": "2.1"}, {"os.pretty_name": "Acme OS", "os.version_id": "2.2"}


def device(
    path: Path,
    number: int,
    leak_kb: float = 0,
    minutes: int = 20,
    killed: bool = False,
    mapping: bytes = b"/usr/lib/libfoo.so.1.4.2",
    host: str = "",
    firmware: dict[str, str] = OLD,
) -> Scene:
    """A board of a fleet: its daemon leaks so many kB a second, or nothing does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scene = Scene(path, interval_s=5, ring_id=0xF1EE7000 + number)
    scene.boot(number, wall=f"2026-11-{number % 28 + 1:02} 08:00:00")
    scene.start(b"", host=host or f"board-{number}", **firmware)
    scene.run(100, b"init", 300)
    scene.run(200, b"sensord", lambda t: 900 + leak_kb * t, mapping=mapping)
    scene.record(minutes * 60, mappings_every=24)
    if killed:
        scene.oom_kill(200)
        scene.record(30)
    return scene.flush()


def a_fleet(root: Path) -> Path:
    """Two firmwares; the older one's daemon leaks in a library, once in its heap; a copy, rubbish, real recordings."""
    for number in (1, 2, 3):
        device(root / "lab" / f"board-{number}.lgr", number, leak_kb=10 * number, killed=number == 3)
    device(root / "lab" / "board-4.lgr", 4, leak_kb=8, mapping=b"[heap]")
    device(root / "lab" / "board-5.lgr", 5)
    for number in (6, 7):
        device(root / "field" / f"board-{number}.lgr", number, firmware=NEW)
    device(root / "field" / "short.lgr", 8, minutes=0, firmware=NEW).record(15).flush()
    device(root / "field" / "killed.lgr", 9, killed=True, firmware=NEW)
    early = device(root / "field" / "board-6-again.lgr", 6, minutes=5, firmware=NEW)
    assert early.ring_id == 0xF1EE7006
    for name in ("armhf-6.1-memcg-adj", "armhf-6.1-vfork"):
        shutil.copy(REAL / f"{name}.ring.gz", root / "field")
    (root / "notes.txt").write_text("board 3 died on Monday\n")
    (root / "field" / "empty.lgr").write_bytes(b"")
    (root / "field" / "erased.bin").write_bytes(b"\xff" * 9000)
    return root


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["fleet", *arguments]) == 0
    done = capsys.readouterr()
    assert done.err == ""
    return done.out


def as_object(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(printed(capsys, "--json", "--jobs", "1", *arguments))


def one(found: Any, name: str) -> Any:
    """The recording of a file."""
    (recording,) = [recording for recording in found["recordings"] if recording["file"].endswith(name)]
    return recording


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_fleet(tmp_path_factory.mktemp("fleet") / "pulled").parent


@pytest.fixture(scope="module")
def found(boards: Path) -> Any:
    """What --json says of them."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(["fleet", "--json", "--jobs", "1", str(boards)]) == 0
    return json.loads(out.getvalue())


def test_the_page_of_a_fleet(boards: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(boards)
    page = printed(capsys, "--jobs", "1", "pulled")
    path = GOLDEN / "fleet.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(page, encoding="utf-8")
    assert page == path.read_text(encoding="utf-8")
    for line in page.splitlines():
        assert columns(line) <= WIDTH
        assert line == line.rstrip()


def test_several_processes_say_the_same_as_one(boards: Path, found: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "--json", "--jobs", "3", str(boards))) == found


def test_a_recording_says_here_what_its_report_says(found: Any) -> None:
    assert len(found["recordings"]) == 11
    for recording in found["recordings"]:
        (loaded,) = load(recording["file"])
        facts = gather(loaded)
        assert recording["answer"] == answer(facts, visible)
        assert recording["samples"] == facts.span.samples
        leaking = [cause for cause in recording["causes"] if cause["sure"] and cause["kind"] == "a process leaks"]
        assert [cause["name"] for cause in leaking] == [visible(growth.name) for growth in facts.leaks]


def test_causes_are_counted_and_point_to_their_recordings(boards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_object(capsys, str(boards / "pulled" / "lab"))
    first = found["causes"][0]
    assert (first["kind"], first["name"], first["killed"]) == ("a process leaks", "sensord", 1)
    assert first["places"] == [
        {"name": "/usr/lib/libfoo.so.1.4.2", "recordings": 3},
        {"name": "[heap]", "recordings": 1},
    ]
    assert {found["recordings"][number]["host"] for number in first["sure"]} == {f"board-{n}" for n in (1, 2, 3, 4)}
    assert found["answer"] == ("sensord leaks in 4 of 5 recordings; the OOM killer killed 1 time, in 1 recording.")
    assert found["recordings"][0]["host"] == "board-3"  # killed: the worst


def test_firmware_is_told_apart_by_version(found: Any) -> None:
    counted = {
        (group["firmware"]["system"], group["firmware"]["version"]): len(group["recordings"])
        for group in found["firmwares"]
    }
    assert counted == {("Acme OS", "2.1"): 5, ("Acme OS", "2.2"): 4, ("lastgasp-bed", "1"): 2}


def test_a_leak_belongs_to_the_firmware_that_leaked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = device(tmp_path / "updated.lgr", 1, leak_kb=20).stop()
    scene.boot(2, wall="2026-11-20 08:00:00").start(b"", host="board-1", **NEW)
    scene.run(200, b"sensord", 900)
    scene.record(1200).flush()
    (recording,) = as_object(capsys, str(tmp_path))["recordings"]
    assert recording["firmware"]["version"] == "2.1"
    assert [firmware["version"] for firmware in recording["firmwares"]] == ["2.1", "2.2"]


def test_of_a_ring_that_was_pulled_twice_the_longer_copy_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = device(tmp_path / "b.lgr", 1, minutes=2)
    shutil.copy(tmp_path / "b.lgr", tmp_path / "a.lgr")
    (tmp_path / "c.lgr.gz").write_bytes(gzip.compress((tmp_path / "a.lgr").read_bytes()))
    scene.record(60).flush()
    found = as_object(capsys, str(tmp_path))
    assert [recording["file"] for recording in found["recordings"]] == [str(tmp_path / "b.lgr")]
    assert found["recordings"][0]["copies"] == [str(tmp_path / "a.lgr"), str(tmp_path / "c.lgr.gz")]
    assert "Not counted, 2 copies of a ring that is longer elsewhere:" in printed(capsys, str(tmp_path))


def test_devices_made_from_one_image_are_not_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ring was in the image, with the factory's boot in it."""
    image = tmp_path / "image.lgr"
    device(image, 1, minutes=2, host="device")
    for number in (2, 3):
        path = tmp_path / f"board-{number}.lgr"
        scene = device(path, 1, minutes=2, host="device").stop()
        scene.boot(10 + number, wall="2026-11-20 08:00:00").start(host="device")
        scene.record(60).flush()
    found = as_object(capsys, str(tmp_path))
    assert len(found["recordings"]) == 2
    assert [copy for recording in found["recordings"] for copy in recording["copies"]] == [str(image)]


def test_a_ring_that_came_round_since_it_was_pulled_is_one_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device(tmp_path / "monday.lgr", 2, minutes=5)
    scene = Scene(tmp_path / "friday.lgr", interval_s=5, ring_id=0xF1EE7002)
    scene.boot(9, wall="2026-11-23 08:00:00").start(host="board-2")
    scene.record(600).flush()
    (recording,) = as_object(capsys, str(tmp_path))["recordings"]
    assert recording["copies"] == [str(tmp_path / "monday.lgr")]


def test_what_is_no_recording_is_named_and_stops_nothing(boards: Path, found: Any) -> None:
    assert found["without"] == [str(boards / "pulled" / "notes.txt")]
    (empty, erased) = found["unreadable"]
    assert empty.startswith(str(boards / "pulled" / "field" / "empty.lgr") + ": empty file")
    assert "erased flash" in erased


@pytest.mark.parametrize("files", [{}, {"notes.txt": b"hello\n"}, {"empty": b"", "erased": b"\xff" * 5000}])
def test_a_folder_without_a_recording_is_one_line(
    files: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    assert main(["fleet", str(tmp_path)]) == 1
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err.startswith(f"lastgasp: {tmp_path}: no recording in {len(files)} file")
    assert done.err.count("\n") == 1


def test_a_path_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"lastgasp: {tmp_path}/none: No such file or directory\n"


def test_links_in_circles_and_pipes_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device(tmp_path / "board.lgr", 1, minutes=1)
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "self").symlink_to("self")
    os.mkfifo(tmp_path / "pipe")
    found = as_object(capsys, str(tmp_path))
    assert [recording["file"] for recording in found["recordings"]] == [str(tmp_path / "board.lgr")]
    assert (found["without"], found["unreadable"]) == ([], [])


def test_two_hundred_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [tmp_path / "seed" / f"{n}.lgr" for n in range(4)]
    for number, path in enumerate(kinds):
        device(path, 0, leak_kb=30 if number == 0 else 0, minutes=2 + number)
    raw = [path.read_bytes() for path in kinds]
    shutil.rmtree(tmp_path / "seed")
    for number in range(200):
        scene = Scene(tmp_path / f"{number:03}.lgr", slots=8, ring_id=5000 + number, interval_s=5)
        scene.boot(number + 1).start(host="device")
        scene.run(200, b"sensord", (lambda t: 900 + 20 * t) if number % 4 == 0 else 900)
        scene.record(120).flush()
    for number, piece in enumerate(raw):
        (tmp_path / f"x{number}.bin").write_bytes(piece)
    found = json.loads(printed(capsys, "--json", str(tmp_path)))
    assert len(found["recordings"]) + sum(len(recording["copies"]) for recording in found["recordings"]) == 204
    assert len(found["causes"][0]["sure"]) + len(found["causes"][0]["perhaps"]) >= 50


def test_the_version_of_a_kernel_is_never_cut_off() -> None:
    for size in range(1, 56):  # a kernel's release has 64 characters at most
        firmware = Firmware(b"Acme Gateway Linux", b"4.2", b"6.1.0-" + b"v" * size + b"end")
        moment = Moment(1, 1000, None)
        cause = Cause(Kind.NOTHING)
        one = Device("a", 0, None, firmware, [firmware], moment, moment, [], 1, 1, None, None, None, None, [], [cause])
        screen = Screen()
        draw(screen, join([one]), Unread([], []))
        page = str(screen)
        assert "vend:" in page.replace("\n  ", ""), size
        assert "1 recording, none with a leak, a kill or a shortage" in page
        assert max(map(columns, page.splitlines())) <= WIDTH


def test_a_process_without_a_name_is_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene(tmp_path / "r.lgr", slots=64, interval_s=5).boot()
    scene.run(200, b"", lambda at_s: 900 + 20 * at_s)
    scene.record(600).flush()
    page = printed(capsys, str(tmp_path))
    assert page.startswith('"" leaks')


def test_a_page_of_two_hundred_has_a_line_for_each() -> None:
    moment = Moment(1, 1000, None)
    firmware = Firmware(b"Acme", None, None)
    cause = Cause(Kind.LEAK, b"sensord" * 9, per_s=10.0, place=b"/usr/lib/" + b"x" * 99)
    some = Device(
        "", 0, None, firmware, [firmware], moment, moment, [], 10**9, 10**6, None, None, None, None, [], [cause]
    )
    screen = Screen()
    draw(screen, join([replace(some, file=f"{n}.lgr", ring_id=n) for n in range(200)]), Unread((), ()))
    lines = str(screen).splitlines()
    assert all(columns(line) <= WIDTH for line in lines)
    assert sum("11 d 13 h 1000000   unknown     ?  sensord" in line for line in lines) == 200


@pytest.mark.parametrize("seed", range(4))
def test_damaged_copies_of_real_recordings_among_others(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    device(tmp_path / "good.lgr", 1, minutes=1)
    for path in sorted(REAL.glob("*.ring.gz")):
        raw = bytearray(gzip.decompress(path.read_bytes()) if chance.random() < 0.5 else path.read_bytes())
        for _ in range(chance.randrange(1, 40)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        (tmp_path / path.name).write_bytes(raw[: chance.randrange(len(raw))])
    found = as_object(capsys, str(tmp_path))
    assert one(found, "good.lgr")["host"] == "board-1"
    told = found["without"] + [line.partition(":")[0] for line in found["unreadable"]]
    for recording in found["recordings"]:
        told += [recording["file"], *recording["copies"]]
    assert sorted(told) == sorted(str(path) for path in tmp_path.iterdir())


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    STORIES["names_from_an_adversary"](tmp_path / "a\x1b[2J\n<b>.lgr")
    device(tmp_path / "b.lgr", 1, minutes=1, host="\x1b]0;x\x07", firmware={"os.pretty_name": "<script>\u202e"})
    page = printed(capsys, str(tmp_path))
    assert all(c.isprintable() or c == "\n" for c in page)
    assert printed(capsys, "--json", str(tmp_path)).isascii()


def test_without_unicode_the_page_is_ascii() -> None:
    screen = Screen(unicode=False)
    assert _tail(screen, "a" * 30, 10) == "~aaaaaaaaa"


def test_every_field_is_explained_and_everything_explained_exists(found: Any) -> None:
    assert SECTION is not None
    explained = set(re.findall(r"`([a-z_0-9]+)`", SECTION[1]))
    of_report = {field.name for field in fields(Forecast)}
    names: set[str] = set()

    def gathered(value: Any) -> None:
        for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else []:
            gathered(item)
        names.update(value if isinstance(value, dict) else ())

    gathered(found)
    assert {field.name for kind in (Device, Firmware) for field in fields(kind)} <= names
    assert names - explained - {"boot", "uptime_ms", "utc"} - of_report == set()
    assert explained - names - {"null", "1", "fleet"} == set()


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "٣", "99999"])
def test_a_wrong_number_of_jobs_is_wrong_use(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["fleet", "--jobs", jobs, "x"])
    assert caught.value.code == 2


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="needs readers that inherit the patch")
def test_a_reader_that_is_killed_costs_its_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        device(tmp_path / f"{number}.lgr", number + 1, minutes=1)
    monkeypatch.setattr(fleet, "gather", _die_on_3)
    found = json.loads(printed(capsys, "--json", "--jobs", "2", str(tmp_path)))
    assert len(found["recordings"]) == 5
    assert found["unreadable"] == [f"{tmp_path}/3.lgr: reading it was killed; out of memory?"]


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="needs readers that inherit the patch")
def test_an_interrupt_to_the_command_alone_ends_its_readers_at_once(tmp_path: Path) -> None:
    for number in range(4):
        device(tmp_path / f"{number}.lgr", number + 1, minutes=1)
    waits = (
        "import os, sys, time; from lastgasp.cli import fleet, main\n"
        "fleet.gather = lambda recording: (os.write(1, b'reads '), time.sleep(120))\n"
        "sys.exit(main.main(sys.argv[1:]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waits, "fleet", "--jobs", "2", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.read(6) == b"reads "
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 130
        assert running.stdout.read().replace(b"reads ", b"") == b"", "a reader that went on would hold the pipe"
        assert b"Traceback" not in running.stderr.read()


def _die_on_3(recording: Any) -> Any:
    if recording.name.endswith("3.lgr"):
        os.kill(os.getpid(), 9)
    return gather(recording)


@pytest.mark.parametrize("path", sorted(REAL.rglob("*.ring.gz")), ids=lambda path: path.name)
def test_a_device_is_blamed_on_whom_its_report_blames(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--json", str(path)]) == 0
    (found,) = json.loads(capsys.readouterr().out)["recordings"]
    cause = found["causes"][0]
    if cause["kind"] == "killed, but nobody leaks":
        assert cause["name"] is None
    else:
        assert cause["name"] in " ".join(found["answer"][:2])


@pytest.mark.parametrize("story", ["restarted", "ten_alike", "small_leak_beside"])
def test_a_fleet_with_a_kill_does_not_look_good(story: str, tmp_path: Path) -> None:
    FILLED[story](tmp_path / "story.lgr")
    (recording,) = load(str(tmp_path / "story.lgr"))
    facts = gather(recording)
    found = join([summary(recording, facts)])
    assert found.devices[0].troubled and facts.bad
    screen, bad = Screen(colour=True), Screen(colour=True)
    draw(screen, found, Unread([], []))
    bad.line("x", "bad")
    role = str(bad).partition("x")[0]
    assert role and str(screen).startswith(role)
    answer_ = fleet_answer(found, visible)
    assert "the OOM killer killed 1 time" in answer_
    assert (story == "small_leak_beside") == answer_.startswith("leaker most likely filled the memory in 1 of 1")


def test_what_is_no_leak_of_memory_is_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ends_with_nothing_left", "promised_all_that_may_be"):
        STORIES[name](tmp_path / f"{name}.lgr")
    for name in ("arm64-6.1-panic", "armhf-6.1-overcommit-2"):
        (tmp_path / f"{name}.ring.gz").write_bytes((REAL / "endings" / f"{name}.ring.gz").read_bytes())
    (tmp_path / "armhf-6.1-tune.ring.gz").write_bytes((REAL / "armhf-6.1-tune.ring.gz").read_bytes())
    assert main(["fleet", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for words in (
        "leaker took the last, and the boot ended",
        "leaker took all that may be promised",
        "shared memory and tmpfs files most likely filled the …",
    ):
        assert words in shown
