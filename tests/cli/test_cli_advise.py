"""``lastgasp advise`` as it is called: what it says of each kind of shortage, and that it sells no cure for a leak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lastgasp.cli.main import main
from oom.logs import KERNEL_LOGS, LOGS
from stories import STORIES

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *arguments: str) -> str:
    assert main(["advise", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_shield_can_be_taken_away(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-adj-leaker-900.txt"))
    assert text.startswith("Whether a setting cures this is open: if leaker leaks,")
    assert "oom_score_adj of leaker to 0 With 0 instead of its shield, the kernel takes leaker (pid 98)." in text
    assert "oom_score_adj of plus200 to 85 From 85 on it is spared, and the kernel takes hogA (pid 89)." in text


def test_nothing_cures_a_leak_in_the_kernel(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-slab2.txt"))
    assert text.startswith("No setting cures this: kernel memory filled the RAM")


def test_nothing_cures_a_recorded_leak(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "ring.lgr"
    STORIES["leak_ends_in_a_group_kill"](path)
    text = said(capsys, str(path))
    assert text.startswith(
        "No setting cures this: sensord leaks, and has to be mended. 16.0 MB more memory delay its end"
    )


def test_a_group_is_advised_on_its_own_limit(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-memcg.txt"))
    assert "memory.max of /app (it was 20480 kB)" in text
    assert "vm.panic_on_oom" not in text


def test_the_task_that_asks_is_named(capsys: Capture) -> None:
    text = said(capsys, str(LOGS / "armhf-kill-allocating.txt"))
    assert "vm.oom_kill_allocating_task=0 (it was 1) With 0 the kernel takes leaker (pid 92)." in text


@pytest.mark.parametrize("log", KERNEL_LOGS)
def test_every_log_gets_advice_with_a_caution(capsys: Capture, log: str) -> None:
    assert main(["advise", "--json", str(LOGS / log)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lastgasp_advise"] == 1
    assert found["advice"]
    assert all(advice["caution"] and advice["here"] and "{}" not in str(advice) for advice in found["advice"])


def test_without_a_report_there_is_no_advice(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"hello\n")
    assert main(["advise", str(path)]) == 1
    assert "no OOM report in this log" in capsys.readouterr().err
