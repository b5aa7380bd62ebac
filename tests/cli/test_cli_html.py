"""``lastgasp report --html``: what it writes, what it says, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lastgasp.cli.main import main
from stories import STORIES


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    STORIES["innocent_is_killed"](Path("story.lgr"))
    return "story.lgr"


def test_it_says_the_first_sentence_and_where_the_page_is(ring: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", ring, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["recordings"][0]["answer"][0]
    assert main(["report", ring, "--html", "page.html"]) == 0
    said = capsys.readouterr().out
    assert " ".join(said.split("\nPage: ")[0].split()) == first
    assert said.endswith("; open it in a browser.\n")
    assert "Page: page.html (" in said
    assert first in Path("page.html").read_text()
    assert sorted(path.name for path in Path().iterdir()) == ["page.html", ring], "nothing is left beside it"


def test_an_earlier_page_is_overwritten_and_nothing_else(ring: str, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = Path(ring).read_bytes()
    Path("notes.html").write_text("<!doctype html>\n<title>mine</title>")
    Path("empty.html").write_bytes(b"")
    for name in ("page.html", "page.html", "empty.html"):
        assert main(["report", ring, "--html", name]) == 0
    capsys.readouterr()
    for name in (ring, "notes.html"):
        before = Path(name).read_bytes()
        assert main(["report", ring, "--html", name]) == 1
        line = f"lastgasp: {name}: is there already and is no page that lastgasp made; name another, or remove it\n"
        assert capsys.readouterr() == ("", line)
        assert Path(name).read_bytes() == before
    assert Path(ring).read_bytes() == recorded


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("no/page.html", "there is no folder no; make it, or name another"),
        (".", "Is a directory"),
        ("/dev/null", "is there already and is no page that lastgasp made; name another, or remove it"),
    ],
)
def test_where_no_page_can_be_there_is_one_line(
    ring: str, path: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", ring, "--html", path]) == 1
    assert capsys.readouterr() == ("", f"lastgasp: {path}: {why}\n")


def test_a_bad_recording_leaves_the_earlier_page_as_it_was(ring: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", ring, "--html", "page.html"]) == 0
    before = Path("page.html").read_bytes()
    Path("bad").write_bytes(b"no recording")
    capsys.readouterr()
    assert main(["report", "bad", "--html", "page.html"]) == 1
    said, complaint = capsys.readouterr()
    assert (said, complaint.count("\n")) == ("", 1)
    assert Path("page.html").read_bytes() == before


def test_the_page_on_standard_output_is_all_there_is(ring: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", ring, "--html", "page.html"]) == 0
    capsys.readouterr()
    assert main(["report", ring, "--html", "-"]) == 0
    assert capsys.readouterr().out == Path("page.html").read_text()
    assert not Path("-").exists()


def test_with_json_both_are_made(ring: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", ring, "--json"]) == 0
    alone = capsys.readouterr().out
    assert main(["report", ring, "--json", "--html", "page.html"]) == 0
    assert capsys.readouterr().out == alone
    assert Path("page.html").exists()
