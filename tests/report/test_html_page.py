"""The page without a browser: what is in it, that nothing foreign is markup in it, how large it gets."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
from array import array
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks import synthetic
from lastgasp.analysis.facts import Facts, gather
from lastgasp.report.answer import answer
from lastgasp.report.html.data import contents
from lastgasp.report.html.page import embedded, render
from lastgasp.report.visible import visible
from lastgasp.ring.payload import Series
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Process, Recording
from oomstories import STORIES as OOM_STORIES
from scene import Scene
from stories import STORIES

MB = 1 << 20
REAL = sorted((Path(__file__).parents[1] / "recordings").glob("*.ring.gz"))
HOSTILE = (
    b"</script><script>alert(1)</script>", b"<!--", b"<script>", b"'\"><img src=x onerror=alert(1)>", b"&lt;b&gt;",
    b"\x1b[2J", b"\xff\xfe", b"]]>", b"</style>", b"${alert(1)}", b"`+alert(1)+`", "\u2028\u202e".encode(), b"\\u003c",
)  # fmt: skip


class Page(HTMLParser):
    """A page as a parser sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.words = ""
        self.path: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            (self.scripts if tag == "script" else self.styles).append("")
        if tag not in ("meta", "link", "input"):
            self.path.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.path[-1:] == ["script"]:
            self.scripts[-1] += data
        elif self.path[-1:] == ["style"]:
            self.styles[-1] += data
        else:
            self.words += data


def page_of(path: Path) -> tuple[str, list[Facts]]:
    recordings = load(str(path))
    facts = [gather(recording) for recording in recordings]
    return render(recordings, facts), facts


def grown(number: int, seconds: float) -> float:
    """kB of the process of that number."""
    return 100 + seconds * (100 - number)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    scene = Scene(tmp_path / "hostile.lgr").boot(wall="2026-11-23 14:00:00")
    for number, name in enumerate(HOSTILE):
        scene.run(200 + number, name, partial(grown, number), command_line=name, mapping=b"/" + name)
        scene.groups[b"/" + name] = (6 * MB, 6 * MB, None, 3, 0)
        scene.event("mark", text=name)
        scene.event("alert", name="x", text=name)
    scene.start(host=HOSTILE[0].decode())
    scene.record(60, mappings_every=5)
    for number in range(len(HOSTILE)):
        scene.oom_kill(200 + number, b"/" + HOSTILE[number])
    scene.sample()
    scene.stop()
    return scene.path


def test_names_from_an_adversary_are_text_and_nothing_else(hostile: Path) -> None:
    text, (facts,) = page_of(hostile)
    page = Page(text)
    assert page.path == []
    assert [attributes.get("type") for tag, attributes in page.tags if tag == "script"] == ["application/json", None]
    assert {tag for tag, _ in page.tags}.isdisjoint({"img", "iframe", "object", "embed", "form", "base", "b"})
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name in ("src", "style", "action") for name in attributes)
        assert attributes.get("href", "#")[:1] == "#" or attributes["href"] == "data:,"  # type: ignore[index]
    for name in HOSTILE:
        assert visible(name) in page.words
    data = json.loads(page.scripts[0])
    assert {visible(name) for name in HOSTILE} <= {life["name"] for life in data["processes"]["lives"]}
    assert "<" not in page.scripts[0]
    assert not any(c < " " and c != "\n" for c in text)
    assert facts.ooms


def test_any_text_stays_within_its_element() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    parts = ["</script", ">", "<!--", "<script", "-->", "]]>", "\\", '"', "\u2028", "x"]
    for _ in range(300):
        value = {"".join(rng.choices(parts, k=6)): ["".join(rng.choices(parts, k=9)), 1, None]}
        page = Page(f"<script>{embedded(value)}</script>")
        assert json.loads(page.scripts[0]) == value
        assert len(page.tags) == 1


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_only_the_pages_own_script_and_style_may_be_used(path: Path) -> None:
    page = Page(page_of(path)[0])
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    for kind, text in (("script-src", page.scripts[-1]), ("style-src", page.styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"
    assert not re.search(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)\w", page.scripts[-1].replace("://", "//"))
    assert "url(" not in page.styles[0] and "@import" not in page.styles[0]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(|XMLHttp", page.scripts[-1]
    )


@pytest.mark.parametrize("story", sorted({**STORIES, **OOM_STORIES}))
def test_the_page_says_what_the_terminal_says(story: str, tmp_path: Path) -> None:
    {**STORIES, **OOM_STORIES}[story](tmp_path / "story.lgr")
    text, (facts,) = page_of(tmp_path / "story.lgr")
    words = Page(text).words
    place = 0
    for sentence in answer(facts, visible):
        place = words.index(sentence, place)


def test_no_id_is_there_twice_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    for name in ("innocent_is_killed", "three_boots_and_a_hole"):
        STORIES[name](tmp_path / f"{name}.lgr")
    text, facts = page_of(tmp_path)
    assert len(facts) == 2
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("href", "aria-labelledby", "aria-describedby"):
            target = (attributes.get(name) or "").removeprefix("#")
            assert target in (*ids, "", "data:,")


def test_everything_that_can_be_reached_by_key_has_a_name(tmp_path: Path) -> None:
    STORIES["innocent_is_killed"](tmp_path / "story.lgr")
    page = Page(page_of(tmp_path / "story.lgr")[0])
    for tag, attributes in page.tags:
        if attributes.get("tabindex") == "0" and tag != "pre":
            assert attributes.get("aria-label") or attributes.get("aria-labelledby"), (tag, attributes)
            assert attributes.get("role")


# -- size ----------------------------------------------------------------------------------------------------


def noise(rng: random.Random, count: int, most: int) -> array[int]:
    """A walk that never rests."""
    value, found = most // 2, array("q")
    for step in rng.choices(range(-200, 201), k=count):
        value = min(max(value + step * 4, 1), most)
        found.append(value)
    return found


def worst_day() -> Recording:
    """A day at the usual interval, in which every value moves at every sample; 100 processes, all large."""
    rng = random.Random(7)
    boot = Boot(b"")
    boot.sample_at = array("q", range(60_000, 86_460_000, 5_000))
    boot.sample_flags = bytearray(b"\x03" * len(boot.sample_at))
    boot.first_ms, boot.last_ms = 60_000, boot.sample_at[-1]
    boot.offsets = [(60_000, 1_795_413_405 * 10**9)]
    walks = [noise(rng, len(boot.sample_at), 40_000) for _ in range(8)]

    def put(table: bytes, key: bytes, columns: tuple[bytes, ...], first: int) -> None:
        series = Series(columns)
        series.at = boot.sample_at
        flat = array("q", bytes(8 * len(columns) * len(series.at)))
        for place in range(len(columns)):
            flat[place :: len(columns)] = walks[(first + place) % len(walks)]
        series.flat = flat
        boot.tables.setdefault(table, {})[key] = [series]

    names = (b"MemFree", b"CmaFree", b"MemAvailable", b"Buffers", b"Cached", b"AnonPages", b"Shmem", b"SReclaimable",
             b"SUnreclaim", b"KernelStack", b"PageTables", b"SwapFree")  # fmt: skip
    put(b"meminfo", b"", names, 0)
    put(b"meminfo.slow", b"", (b"MemTotal", b"SwapTotal", b"Percpu"), 3)
    for resource in (b"memory", b"io", b"cpu"):
        put(b"pressure", resource, (b"some_us", b"full_us"), 1)
    for pid in range(100, 200):
        key = b"%d@%d" % (pid, pid)
        boot.processes[key] = Process(key, [b"process-with-a-long-name-%d" % pid])
        put(b"process", key, (b"rss", b"shared", b"vsize", b"state"), pid)
        put(b"process.details", key, (b"VmSwap",), pid)
    return Recording("worst.lgr", 1, [boot])


def test_the_charts_of_the_worst_day_are_small(tmp_path: Path) -> None:
    STORIES["nobody_leaks"](tmp_path / "story.lgr")
    (other,) = load(str(tmp_path / "story.lgr"))
    day = worst_day()
    assert day.samples == 17_280
    facts = replace(gather(other), growth=[], ooms=[])
    charts = embedded(contents(day, facts).charts)
    assert len(charts) < 2.5 * MB


@pytest.mark.skipif("LASTGASP_LONG" not in os.environ, reason="half a minute: LASTGASP_LONG=1 runs it")
def test_a_day_is_far_below_three_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "day.lgr"
    samples = synthetic.make(str(path), 3 * MB, 4096)
    (recording,) = load(str(path))
    assert recording.boots[0].last_ms - recording.boots[0].first_ms >= 86_400_000
    assert samples >= 17_280
    text, _ = page_of(path)
    assert len(text.encode()) < 2 * MB


def test_two_hundred_boots_and_five_thousand_processes(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "many.lgr", slots=1024)
    for number in range(1, 201):
        scene.boot(number, wall=None if number % 7 == 0 else "2026-11-23 14:00:00")
        for pid in range(100, 125):
            scene.run(pid, b"worker%d" % (pid % 40), 300 + pid, adj=0)
        scene.record(4)
        scene.flush()
    text, (facts,) = page_of(scene.path)
    assert len(facts.boots) == 200
    assert facts.programs.total == 25
    assert len(text.encode()) < 2 * MB
    data = json.loads(Page(text).scripts[0])
    assert len(data["boots"]) == 200
    assert data["processes"]["total"] == 5_000
    assert 0 < len(data["processes"]["lives"]) <= 60
    ends = [boot["x"] + boot["length"] for boot in data["boots"]]
    assert all(end < boot["x"] for end, boot in zip(ends, data["boots"][1:], strict=False))


def test_an_empty_boot_is_no_trouble(tmp_path: Path) -> None:
    """An agent that started and never took a sample."""
    scene = Scene(tmp_path / "none.lgr").boot()
    scene.flush()
    text, (facts,) = page_of(scene.path)
    assert not facts.span.samples
    assert "the recording has no meminfo" in Page(text).words
