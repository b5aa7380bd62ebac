"""The explanation of real reports, word by word; LASTGASP_GOLDEN=write writes them anew, to be read before kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lastgasp.cli.oom import draw
from lastgasp.cli.oom_source import read
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns

LOGS = Path(__file__).parents[1] / "oomlogs"
GOLDEN = Path(__file__).parent / "golden"
EVERY = sorted(path.relative_to(LOGS).as_posix() for path in LOGS.rglob("*.txt"))
KEPT = [
    "arm64-global-c.txt",
    "armhf-adj.txt",
    "armhf-deadlocked.txt",
    "armhf-kill-allocating.txt",
    "armhf-memcg.txt",
    "armhf-overcommit2.txt",
    "armhf-slab2.txt",
    "armhf-tmpfs.txt",
    "written/4.14-mips.txt",
]


@pytest.fixture(autouse=True)
def _in_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(LOGS)


def explained(log: str, unicode: bool = True, colour: bool = False) -> str:
    return draw(read(log).found, Screen(unicode, colour))


@pytest.mark.parametrize("log", KEPT)
def test_the_explanation_is_what_it_was(log: str) -> None:
    path = GOLDEN / f"oom-{Path(log).name}"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(explained(log), encoding="utf-8")
    assert explained(log) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("log", EVERY)
@pytest.mark.parametrize("unicode", [True, False])
def test_every_log_fits_a_terminal(log: str, unicode: bool) -> None:
    text = explained(log, unicode)
    for line in text.splitlines():
        assert columns(line) <= WIDTH
        assert line == line.rstrip()
    assert all(c.isprintable() or c == "\n" for c in text)
    assert unicode or text.isascii()


def test_a_hostile_name_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    log = Path("armhf-global-c.txt").read_bytes().replace(b"leaker", b"\x1b[2Jx\xff\xe2\x80\xae")
    path = tmp_path / "log"
    path.write_bytes(log)
    text = draw(read(str(path)).found, Screen())
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "\\xff\\u202e" in text
