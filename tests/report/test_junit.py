"""JUnit files: what GitLab, GitHub's actions and Jenkins each want of one, also when the names come from an adversary.

The rules are those of the schema that Jenkins' xUnit plugin checks with (junit-10.xsd), in words of our own.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lastgasp.analysis.budget.budget import parse
from lastgasp.analysis.budget.judge import judge
from lastgasp.analysis.facts import gather
from lastgasp.report import junit
from lastgasp.report.check import Checked
from scene import Scene
from stories import STORIES

# element: attributes it must have, attributes it may have, what may be in it; None: text
SCHEMA: dict[str, tuple[set[str], set[str], set[str] | None]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, None),
    "error": (set(), {"type", "message"}, None),
    "skipped": (set(), {"type", "message"}, None),
    "system-out": (set(), set(), None),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
LEGAL = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
BUDGET = """
[recording]
at_least = "30 s"
[system]
oom_kills = 0
stall = "1 %"
[process.'*']
peak = "3 MB"
growth = "100 MB/h"
[process.nobody]
required = false
peak = 1
"""


def junit_of(*paths: Path, allow: bool = False, unreadable: list[tuple[str, str]] | None = None) -> bytes:
    budget = parse(BUDGET)
    scenes = [Scene.load(_At(path)) for path in paths]  # type: ignore[arg-type]
    results = [judge(recording, gather(recording), budget) for recording in scenes]
    return junit.render(Checked(results, unreadable or [], [], allow), "memory-budget.toml")


class _At:
    def __init__(self, path: Path) -> None:
        self.path = path


def checked(raw: bytes) -> ElementTree.Element:
    """Parsed again, and held against the schema."""
    text = raw.decode("utf-8")
    assert LEGAL.fullmatch(text)
    root = ElementTree.fromstring(raw)
    for element in root.iter():
        must, may, children = SCHEMA[element.tag]
        assert must <= set(element.attrib) <= must | may, element.tag
        assert TIME.fullmatch(element.get("time", "0"))
        if children is None:
            assert (element.text or "").strip(), "GitLab shows the text, not the message"
            assert len(element) == 0
        else:
            assert {child.tag for child in element} <= children
            assert not (element.text or "").strip()
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        outcomes = Counter(child.tag for case in cases for child in case)
        told = [int(suite.get(name, "-1")) for name in ("tests", "failures", "errors", "skipped")]
        assert told == [len(cases), outcomes["failure"], outcomes["error"], outcomes["skipped"]]
        assert all(len(case) == 1 for case in cases)
    names = Counter((case.get("classname"), case.get("name")) for case in root.iter("testcase"))
    assert max(names.values()) == 1, "GitLab drops the second of two tests of the same names"
    assert all((case.get("classname") or "").count(".") == 1 for case in root.iter("testcase"))
    return root


def outcome(root: ElementTree.Element, name: str) -> ElementTree.Element:
    (case,) = [case for case in root.iter("testcase") if case.get("name") == name]
    return case[0]


def test_what_is_broken_fails_and_what_is_kept_says_so(tmp_path: Path) -> None:
    STORIES["leak_ends_in_a_group_kill"](tmp_path / "ring.lgr")
    root = checked(junit_of(tmp_path / "ring.lgr"))
    kill = outcome(root, "system OOM kills")
    assert kill.tag == "failure"
    assert kill.get("message") == "1 OOM kill: sensord (at most 0)"
    assert "at 2026-11-23 14:02:00 (boot 1)" in (kill.text or "")
    assert outcome(root, "sensord growth").tag == "failure"
    assert outcome(root, "httpd peak").tag == "system-out"
    assert outcome(root, "nobody runs").tag == "skipped"
    (suite,) = root.iter("testsuite")
    assert (suite.get("hostname"), suite.get("timestamp")) == ("board", "2026-11-23T14:02:05")


def test_what_could_not_be_checked_is_an_error_unless_that_is_allowed(tmp_path: Path) -> None:
    STORIES["nobody_leaks"](tmp_path / "ring.lgr")
    assert outcome(checked(junit_of(tmp_path / "ring.lgr")), "system stall").tag == "error"
    assert outcome(checked(junit_of(tmp_path / "ring.lgr", allow=True)), "system stall").tag == "skipped"


def test_a_file_that_could_not_be_read_is_an_error_in_it(tmp_path: Path) -> None:
    STORIES["a_single_sample"](tmp_path / "ring.lgr")
    root = checked(junit_of(tmp_path / "ring.lgr", unreadable=[("b.lgr", "b.lgr: empty file"), ("b.lgr", "twice")]))
    assert [case.get("name") for case in root.iter("testcase")].count("recording") == 2
    assert root.get("errors") == str(sum(case.find("error") is not None for case in root.iter("testcase")))


def test_two_recordings_of_one_name_are_told_apart(tmp_path: Path) -> None:
    STORIES["leak_ends_in_a_group_kill"](tmp_path / "ring.lgr")
    root = checked(junit_of(tmp_path / "ring.lgr", tmp_path / "ring.lgr"))
    assert len({case.get("classname") for case in root.iter("testcase")}) == 2


@pytest.mark.parametrize("story", sorted(STORIES))
def test_every_story_gives_a_file_that_all_can_read(story: str, tmp_path: Path) -> None:
    STORIES[story](tmp_path / "ring.lgr")
    checked(junit_of(tmp_path / "ring.lgr"))


def test_names_of_any_bytes_give_a_file_that_all_can_read(tmp_path: Path) -> None:
    seed = 4
    print(f"seed {seed}")
    rng = random.Random(seed)
    alphabet = [bytes([n]) for n in range(1, 256)] + [
        "\ufffe".encode(),
        "\ud7ff".encode(),
        b"\xed\xa0\x80",
        b"]]>",
        b"<!",
    ]
    for number in range(6):
        scene = Scene(tmp_path / f"{number}.lgr").boot()
        for pid in range(100, 130):
            name = b"".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 12)))
            scene.run(pid, name, lambda t, pid=pid: 500 + (pid - 100) * 5 * t)  # type: ignore[misc]
        scene.record(40).stop()
        checked(junit_of(tmp_path / f"{number}.lgr"))
