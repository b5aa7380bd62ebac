"""``lastgasp advise`` as it is called: what it says of each kind of shortage, and that it sells no cure for a leak."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lastgasp.analysis.advice.piece import Leak
from lastgasp.cli.advise import _leaking
from lastgasp.cli.main import main
from lastgasp.cli.oom_source import read
from oom.logs import KERNEL_LOGS, LOGS
from oomstories import STORIES as BEFORE_KILLS
from oomstories import begin, kill, populate
from scene import MACHINE, Scene
from stories import STORIES

Capture = pytest.CaptureFixture[str]
RECORDINGS = Path(__file__).parents[1] / "recordings"


UNFIT = {
    "vm.panic_on_oom": "1",
    "vm.oom_kill_allocating_task": "1",
    "vm.oom_dump_tasks": "0",
    "vm.min_free_kbytes": "8192",
    "vm.swappiness": "60",
    "vm.overcommit_memory": "0",
    "vm.overcommit_ratio": "50",
}


def said(capsys: Capture, *arguments: str) -> str:
    assert main(["advise", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_shield_can_be_taken_away(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-adj-leaker-900.txt"))
    assert text.startswith(
        "Whether a setting cures this is open: leaker grew; from event 1 to event 7 it grew by 28.4 MB"
    )
    assert "oom_score_adj of leaker to 0, events 1 to 6 With 0 instead of its shield, the kernel takes leaker" in text
    assert (
        "oom_score_adj of plus200 to 85, event 1 At 85 or lower it is spared, and the kernel takes hogA (pid 89)."
        in text
    )


def test_nothing_cures_a_leak_in_the_kernel(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-slab2.txt"))
    assert text.startswith("No setting cures this: kernel memory filled the RAM")


def test_nothing_cures_a_recorded_leak(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    STORIES["leak_ends_in_a_group_kill"](path)
    text = said(capsys, str(path))
    assert text.startswith(
        "No setting cures this: sensord leaks, and has to be mended. Tuning only delays it: at 2.3 MB/min, 64.0 MB of a"
        " higher limit buy 27 min"
    )
    assert "oom_score_adj of sensord" not in text  # nobody is told to shield what leaks


def test_a_group_is_advised_on_its_own_limit(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-memcg.txt"))
    assert "memory.max of /app (it was 20480 kB)" in text
    assert "vm.panic_on_oom" not in text.partition("NOTHING HERE ASKS TO CHANGE")[0]


def test_the_task_that_asks_is_named(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-kill-allocating.txt"))
    assert "vm.oom_kill_allocating_task=0 (it was 1) With 0 the kernel takes leaker (pid 92)." in text


@pytest.mark.parametrize(
    ("log", "said_so", "not_said"),
    [
        ("armhf-kill-allocating.txt", "oom_score_adj of leaker to -1000 With -1000 alone it is spared", "At -40 or"),
        ("armhf-memcg-group.txt", "With -1000 alone it is spared (it dies with its group else)", "At -503 or"),
        ("armhf-sysrq-f.txt", "No setting is to be changed: memory was not short.", "Settings can help"),
        ("armhf-panic1.txt", "vm.panic_on_oom It is set: the kernel did not look for somebody", "it is spared"),
        ("armhf-highmem.txt", "vm.watermark_boost_factor", "vm.min_free_kbytes, vm.watermark_scale_factor"),
        ("armhf-slab2.txt", "At -1 or lower it is spared", "It is who held most"),
        ("written/3.10-arm.txt", "vm.oom_kill_allocating_task=1", "oom_score_adj of measure"),
    ],
)
def test_advice_fits_how_the_kernel_chose(capsys: Capture, log: str, said_so: str, not_said: str) -> None:
    text = said(capsys, str(LOGS / log)).partition("NOTHING HERE ASKS TO CHANGE")[0]
    assert said_so in text
    assert not_said not in text


def as_json(capsys: Capture, path: Path) -> Any:
    assert main(["advise", "--json", str(path)]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("log", KERNEL_LOGS)
def test_every_log_gets_advice_with_a_caution(capsys: Capture, log: str) -> None:
    assert main(["advise", "--json", str(LOGS / log)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lastgasp_advise"] == 1
    assert bool(found["advice"]) == ("sysrq-f" not in log)  # by hand, while memory was not short
    assert all(advice["caution"] and advice["here"] and "{}" not in str(advice) for advice in found["advice"])


def test_a_log_without_a_report_is_no_good(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"hello\n")
    assert main(["advise", str(path)]) == 1
    assert "no OOM report in this log" in capsys.readouterr().err


def test_several_reports_are_advised_on_together(capsys: Capture) -> None:
    """Of seven kills six are of one kind; what only the last adds comes after it, and the victims' own adj do not."""
    found = as_json(capsys, LOGS / "armhf-adj-leaker-900.txt")
    assert found["event"] == 1
    settings = {advice["setting"]: advice["events"] for advice in found["advice"]}
    assert settings["oom_score_adj of leaker to 0"] == [1, 2, 3, 4, 5, 6]
    assert settings["zram swap, vm.swappiness"] == [1, 2, 3, 4, 5, 6, 7]
    assert sum(setting.startswith("oom_score_adj") for setting in settings) == 2


def test_the_last_boot_is_advised_on_and_older_kills_are_counted(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    scene = begin(path)
    for number in range(3):
        populate(scene, "armhf-global-c.txt", {})
        scene.record(60)
        kill(scene, "armhf-global-c.txt")
        scene.record(20).flush()
        if number < 2:
            scene.boot(number + 2)
    found = as_json(capsys, path)
    assert found["event"] == 3
    assert {number for advice in found["advice"] for number in advice["events"]} == {3}
    assert main(["advise", str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "and not on 2 older events in this recording: lastgasp oom explains it" in said


def test_every_tunable_has_its_place(capsys: Capture) -> None:
    found = as_json(capsys, LOGS / "armhf-global-c.txt")
    told = " ".join(advice["setting"] for advice in found["advice"] + found["others"])
    for name in ("oom_score_adj", "memory.max", "memory.oom.group"):
        assert name in told
    for name in ("overcommit_memory", "overcommit_ratio", "overcommit_kbytes", "panic_on_oom", "oom_dump_tasks"):
        assert f"vm.{name}" in told
    for name in ("oom_kill_allocating_task", "min_free_kbytes", "watermark_scale_factor", "swappiness"):
        assert f"vm.{name}" in told


def test_a_recording_without_a_kill_is_advised_on(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    STORIES["nobody_leaks"](path)
    text = said(capsys, str(path))
    assert text.startswith("There is no OOM report in this recording, and nothing leaks beyond doubt; at least ")
    assert "This is from the recording's settings and growth alone." in text


@pytest.mark.parametrize(
    ("story", "begins"),
    [
        (
            "leak_ends_in_its_kill",
            "No setting cures this: leaker leaks, and has to be mended. Tuning only delays it: at ",
        ),
        ("large_but_steady", "Settings can help here: by the recording leaker does not leak (steady)."),
        ("sawtooth", "Settings can help here: by the recording leaker does not leak (sawtooth)."),
        ("too_short", "Whether a setting cures this is open: if leaker leaks,"),
        ("tmpfs_fills", "No setting cures this: what makes shared memory and tmpfs files grow has to be found."),
    ],
)
def test_what_was_recorded_before_the_kill_decides(capsys: Capture, tmp_path: Path, story: str, begins: str) -> None:
    path = tmp_path / "ring.lgr"
    BEFORE_KILLS[story](path)
    text = said(capsys, str(path))
    assert text.startswith(begins)
    # Who filled it is not told to be spared.
    assert ("oom_score_adj of leaker" in text) == (story in ("large_but_steady", "sawtooth", "tmpfs_fills"))


def test_a_kill_that_was_only_counted_is_told(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    scene = Scene(path, interval_s=5).boot()
    scene.run(100, b"init", 300)
    scene.record(300)
    scene.oom_kills = 2
    scene.record(300)
    scene.stop()
    assert said(capsys, str(path)).startswith(
        "The kernel counted 2 OOM kills, but wrote no report into this recording,"
    )


def test_settings_that_do_not_fit_are_told_without_a_kill(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    scene = Scene(path, interval_s=5)
    scene.meminfo["Committed_AS"] = 20_000
    scene.boot().event("machine", **MACHINE, **UNFIT)
    scene.run(100, b"vital", lambda t: 9_000 + 10 * t, adj=-1000)
    scene.run(101, b"large", 10_000)
    scene.record(600)
    scene.meminfo["Committed_AS"] = 40_000
    scene.run(102, b"asker", 1_000)
    scene.record(600)
    scene.stop()
    assert not scene.programs[102].kernel
    found = as_json(capsys, path)
    assert found["answer"].startswith("No setting cures this: vital leaks")
    assert "Tuning only delays it: at " in found["answer"]
    advice = {one["setting"]: one for one in found["advice"]}
    assert advice["oom_score_adj of vital to 0"]["here"].startswith("It may not be killed and it leaks")
    assert advice["oom_score_adj -1000 for fewer processes"]["here"].startswith("1 process may not be killed and holds")
    assert "the reason may be lost" in advice["vm.panic_on_oom"]["here"]
    assert advice["vm.oom_kill_allocating_task=0"]["current"] == "1"
    assert advice["vm.oom_dump_tasks=1"]["current"] == "0"
    assert advice["vm.min_free_kbytes, lower"]["here"].startswith("It keeps 8,192 kB free, 12 % of RAM")
    refused = advice["vm.overcommit_memory=2"]
    assert refused["exact"] is True
    assert "most likely asker (pid 102), whose address space grew by 20,000 kB then" in refused["here"]
    assert "First at 2026-11-23 14:10:00" in refused["here"]
    assert not any(one["events"] for one in found["advice"])


def test_every_json_field_is_explained(capsys: Capture, tmp_path: Path) -> None:
    explained = (LOGS.parents[1] / "agent" / "lastgasp" / "report" / "JSON.md").read_text()
    section = explained.partition("# `lastgasp advise --json`")[2]
    path = tmp_path / "ring.lgr"
    STORIES["nobody_leaks"](path)
    for source in (LOGS / "armhf-adj.txt", path):
        found = as_json(capsys, source)
        keys = set(found) | set(found["others"][0]) | {key for one in found["advice"] for key in one}
        assert keys <= set(re.findall(r"`([a-z_]+)`", section))


def test_a_leak_of_who_had_no_part_in_an_older_kill_is_not_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    BEFORE_KILLS["older_than_the_recording"](path)
    (one,) = read(str(path)).found
    leaks = [Leak(b"stranger", 1.0), Leak(b"leaker", 1.0), Leak(b"slab", 1.0, program=False)]
    assert [leak.name for leak in _leaking(one, leaks)] == [b"leaker", b"slab"]


def test_all_that_leaks_is_reckoned_with(capsys: Capture) -> None:
    text = said(capsys, str(RECORDINGS / "real" / "programs.ring.gz"))
    assert text.startswith(
        "No setting cures this: historyd and 11 more leak, and have to be mended. Tuning only delays"
    )
    assert "at 5.5 MB/min together, 64.0 MB more of RAM or swap buy 11 min" in text


def test_an_end_without_a_report_leads_as_in_the_report(capsys: Capture) -> None:
    text = said(capsys, str(RECORDINGS / "endings" / "arm64-6.1-panic.ring.gz"))
    assert text.startswith("The machine restarted after 12:09:08, when it had 8.6 MB of 97.6 MB available: most likely")
    assert "leaker (pid 147) took 37.4 MB. Whether a setting cures this is open: if leaker leaks," in text


def test_a_refusal_leads_and_the_settings_that_refused_are_to_be_changed(capsys: Capture) -> None:
    path = RECORDINGS / "endings" / "armhf-6.1-overcommit-2.ring.gz"
    text = said(capsys, str(path))
    assert text.startswith("From 12:09:58 on programs were most likely refused memory while 40.7 MB were available:")
    assert "if leaker leaks, a higher limit only delays the next refusal." in text
    first = as_json(capsys, path)["advice"][0]
    assert (first["setting"], first["current"]) == ("vm.overcommit_memory, vm.overcommit_ratio", "2")
    assert "a leak takes the new limit, too" in first["caution"]


def test_who_is_to_blame_is_who_the_report_blames(capsys: Capture) -> None:
    found = as_json(capsys, RECORDINGS / "armhf-6.1-tune.ring.gz")
    assert found["answer"].startswith(
        "Most likely no setting cures this: what makes shared memory and tmpfs files grow"
    )
    assert not any("vitald" in one["setting"] for one in found["advice"])


@pytest.mark.parametrize(
    ("name", "blamed"),
    [("adj-down", "leaker"), ("memcg-adj", "leaker"), ("protected-leaker", "leaker"), ("vfork", "launcher")],
)
def test_nobody_is_told_to_shield_who_is_to_blame(capsys: Capture, name: str, blamed: str) -> None:
    path = str(RECORDINGS / f"armhf-6.1-{name}.ring.gz")
    assert f"oom_score_adj of {blamed} to -" not in said(capsys, path)
    assert main(["report", path]) == 0
    assert f"oom_score_adj of {blamed} to -" not in " ".join(capsys.readouterr().out.split())
