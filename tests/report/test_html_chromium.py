"""The page in a real Chromium: nothing to complain of, the numbers of --json, and everything that hands can do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, missing

from lastgasp.cli.main import main
from lastgasp.report import units
from scene import Scene
from stories import STORIES

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))
RING = Path(__file__).parents[1] / "recordings" / "armhf-6.1-protected-leaker.ring.gz"
MEMORY, PROCESSES = "#r1-memory .plot", "#r1-processes .plot"
LEGEND = """
    return Object.fromEntries([...document.querySelectorAll(arguments[0] + " .legend li[data-name]")].map(
        (row) => [row.dataset.name, row.querySelector("data") ? Number(row.querySelector("data").value) : null]))
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("browser") / "driver.log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pages, made once by the real command."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("names_from_an_adversary", "three_boots_and_a_hole", "a_single_sample", "nobody_leaks"):
        STORIES[name](folder / f"{name}.lgr")
        assert main(["report", str(folder / f"{name}.lgr"), "--html", str(folder / f"{name}.html")]) == 0
    assert main(["report", str(RING), "--html", str(folder / "real.html")]) == 0
    both = [str(RING), str(folder / "three_boots_and_a_hole.lgr")]
    assert main(["report", *both, "--html", str(folder / "both.html")]) == 0
    return folder


@pytest.fixture
def browser(session: Browser) -> Iterator[Browser]:
    """A window of a laptop's size; whatever is done, the console has nothing to complain of."""
    session.size(1280, 900)
    session.prefer(color_scheme="light")
    yield session
    assert session.complaints() == []


@pytest.fixture
def real(browser: Browser, pages: Path) -> Browser:
    browser.open(pages / "real.html")
    return browser


def told(command: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """What --json says of the same recording."""
    capsys.readouterr()
    assert main([command, str(RING), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def legend(browser: Browser, chart: str) -> dict[str, int | None]:
    """The values beside a chart."""
    found: dict[str, int | None] = browser.run(LEGEND, f"#r1-{chart}")
    return found


def numbers(browser: Browser, rows: str) -> list[list[float]]:
    """All exact numbers in each row of a table."""
    script = """return [...document.querySelectorAll(arguments[0])].map(
        (row) => [...row.querySelectorAll("data")].map((one) => Number(one.value)))"""
    found: list[list[float]] = browser.run(script, rows)
    return found


def seen(browser: Browser) -> str:
    """From when to when the charts show."""
    return browser.text("#r1 .range")


# -- the same numbers ----------------------------------------------------------------------------------------


def test_who_grew_has_the_numbers_of_json(real: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    growth = told("report", capsys)["recordings"][0]["growth"]
    rows = numbers(real, "#r1 .leaks tbody tr")
    assert growth
    assert len(rows) == len(growth)
    for row, one in zip(rows, growth, strict=True):
        worst = one["worst"]
        expected = [worst["from_bytes"], worst["to_bytes"], worst["peak_bytes"]]
        if worst["verdict"]["shape"] == "leak":
            expected.append(worst["verdict"]["per_s"])
        assert row[: len(expected)] == expected
        where = worst["where"]
        places = where["places"] if where else []
        read = [place["bytes" if where["grown"] is None else "grown"] for place in places]
        assert row[len(expected) :] == [size for size in read if size][:4]


def test_the_verdict_is_that_of_json(real: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    said = told("report", capsys)["recordings"][0]["answer"]
    assert real.text("#r1 .verdict").split("\n\n") == said


def test_the_task_table_is_that_of_the_kernels_report(real: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    reports = told("oom", capsys)["reports"]
    assert len(reports) == 2
    for number, report in enumerate(reports):
        rows = numbers(real, f"#r1-kill-{number} .tasks tbody tr")
        ranking = report["choice"]["ranking"]
        ranked = [one for one in ranking if one["rank"] is not None]
        assert len(rows) == len(ranking)
        for row, one in zip(rows, ranked, strict=False):
            assert row[:3] == [one["rank"], one["held_kb"] * 1024, one["points"]]
            assert row[-1] == one["oom_score_adj"]
        points = [row[2] for row in rows[: len(ranked)]]
        assert points == sorted(points, reverse=True)
        victim = real.text(f"#r1-kill-{number} tr.victim th")
        assert victim == f"{report['report']['victims'][0]['name']} killed"
        assert real.text(f"#r1-kill-{number}").count(report["answer"][0]) == 1


def test_at_the_end_the_charts_read_what_json_says_was_last(real: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    last = {track["name"]: track["last"] for track in told("report", capsys)["recordings"][0]["memory"]}
    real.press(MEMORY, *["shift+right"] * 60)
    parts, free = legend(real, "memory"), legend(real, "free")
    assert free["available"] == last["available"]
    assert parts["anonymous"] == last["anonymous"]
    assert parts["cache"] == last["file cache"]
    assert parts["shared"] == last["shared, tmpfs"]
    assert (parts["slab_soft"] or 0) + (parts["slab_hard"] or 0) == last["slab"]
    assert "anonymous" in real.run("return document.querySelector('#r1 .spoken').textContent")


def test_the_stack_adds_up_wherever_the_mouse_is(real: Browser) -> None:
    sums = set()
    for share in (0.2, 0.5, 0.62, 0.8, 0.95):
        real.point(MEMORY, ("move", share))
        parts = legend(real, "memory")
        total = parts.pop("total")
        assert total == 111_188 * 1024
        assert sum(value or 0 for value in parts.values()) == total
        sums.add(tuple(parts.values()))
    assert len(sums) == 5
    assert real.run("return document.querySelector('#r1-memory .cursor').getAttribute('visibility')") == "visible"


def test_sizes_and_shares_read_as_everywhere_else(browser: Browser, pages: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    sizes = [rng.randrange(1 << rng.randrange(1, 50)) for _ in range(2_000)]
    sizes += [0, 1, 1023, 1024, 1280, 1331, 102_348, 102_349, 1 << 20, (1 << 20) - 1, 1_048_524, 1_048_525, -5_000]
    sizes += [(n << 10) + 256 * k for n in (1, 2, 99, 100, 1023) for k in range(4)]
    shares = [n / 10_000 for n in range(0, 10_001, 7)] + [0.0005, 0.0995, 0.125, 0.005]
    browser.open(pages / "real.html")
    source = (files("lastgasp.report.html") / "numbers.js").read_text()
    assert browser.run(f"{source}; return arguments[0].map(size)", sizes) == [units.size(one) for one in sizes]
    said = browser.run(f"{source}; return arguments[0].map(percent)", shares)
    assert said == [units.percent(one) for one in shares]
    times = [0, 999, 60_000, 3_599_999, 86_400_000, 90_061_000]
    assert browser.run(f"{source}; return arguments[0].map(uptime)", times) == [units.clock(one) for one in times]


# -- hands ---------------------------------------------------------------------------------------------------


def test_keys_zoom_pan_and_go_back(real: Browser) -> None:
    whole = seen(real)
    real.press(MEMORY, "+")
    zoomed = seen(real)
    assert zoomed != whole
    real.press(MEMORY, "left")
    earlier = seen(real)
    assert earlier < zoomed
    real.press(MEMORY, "right")
    assert seen(real) == zoomed
    real.press(MEMORY, "-", "-")
    assert seen(real) == whole
    real.press(MEMORY, "+", "+", "0")
    assert seen(real) == whole
    for tool, other in (("in", zoomed), ("out", whole)):
        real.click(f"#r1 [data-do={tool}]")
        assert seen(real) == other


def test_the_mouse_zooms_drags_and_selects(real: Browser) -> None:
    whole = seen(real)
    real.press(MEMORY, "escape")  # which has the focus from here on: the wheel alone zooms
    real.wheel(MEMORY, 0.5, -100)
    zoomed = seen(real)
    assert zoomed != whole
    real.point(MEMORY, ("down", 0.4), ("move", 0.5), ("move", 0.6), ("up", 0.6))
    assert seen(real) < zoomed
    real.press(MEMORY, "0")
    assert seen(real) == whole
    real.run("document.activeElement.blur()")
    real.wheel(MEMORY, 0.5, -100)
    assert seen(real) == whole, "without focus the wheel scrolls the page"


def test_two_fingers_zoom(real: Browser) -> None:
    whole = seen(real)
    script = """
        const plot = document.querySelector(arguments[0]);
        const box = plot.getBoundingClientRect();
        const finger = (type, id, share) => plot.dispatchEvent(new PointerEvent(type, {
            pointerId: id, pointerType: "touch", bubbles: true, button: type === "pointermove" ? -1 : 0,
            clientX: box.left + box.width * share, clientY: box.top + 50 }));
        finger("pointerdown", 11, 0.45); finger("pointerdown", 12, 0.55);
        finger("pointermove", 11, 0.3); finger("pointermove", 12, 0.7);
        finger("pointerup", 11, 0.3); finger("pointerup", 12, 0.7);
    """
    real.run(script, MEMORY)
    real.settle()
    zoomed = seen(real)
    assert zoomed != whole
    real.point(MEMORY, ("down", 0.3), ("move", 0.5), ("move", 0.7), ("up", 0.7), kind="touch")
    assert seen(real) != zoomed


def test_a_click_on_a_line_or_flag_opens_the_kill(real: Browser) -> None:
    for number in (0, 1):
        real.click(f"#r1-kill-{number} summary")
        assert real.run("return document.querySelector(arguments[0]).open", f"#r1-kill-{number}") is False
    real.click("#r1 .lane .flag.kill")
    assert real.run("return document.querySelector('#r1-kill-0').open")
    assert real.run("return document.activeElement.parentElement.id") == "r1-kill-0"
    place = "const b = document.querySelectorAll('#r1-memory .event.kill .hit')[1].getBoundingClientRect();"
    box = "const p = document.querySelector('#r1-memory .plot').getBoundingClientRect();"
    share = real.run(f"{place} {box} return (b.left + b.width / 2 - p.left) / p.width")
    real.point(MEMORY, ("down", share), ("up", share))
    assert real.run("return document.querySelector('#r1-kill-1').open")
    assert real.run("return document.querySelector('.chosen.kill').id") == "r1-kill-1"
    real.click("#r1-event-2 .show")
    assert real.text("#r1-memory .when").startswith("at 05:57:15")


def test_another_kind_of_memory_of_the_processes(real: Browser) -> None:
    anonymous = legend(real, "processes")
    real.click("#r1 .toggle label:has([value=rss])")
    resident = legend(real, "processes")
    assert (resident["leaker"] or 0) > (anonymous["leaker"] or 0) > 70 << 20
    real.click("#r1 .toggle label:has([value=pss])")
    assert set(legend(real, "processes")) < set(resident), "mappings were read of some only"
    real.click("#r1 .toggle label:has([value=anon])")
    assert legend(real, "processes") == anonymous
    real.click("#r1-processes li[data-name=leaker] button")
    assert real.run("return document.querySelectorAll('#r1-processes .line.dim').length") > 0


def test_the_values_are_there_as_a_table_too(real: Browser) -> None:
    real.click("#r1-memory .values summary")
    rows = numbers(real, "#r1-memory .values tbody tr")
    assert len(rows) == 20
    for *parts, total in rows:
        assert sum(parts) == total
    first = real.text("#r1-memory .values tbody th")
    real.press(MEMORY, "+")
    assert real.text("#r1-memory .values tbody th") != first


# -- looks ---------------------------------------------------------------------------------------------------


def test_dark_where_the_system_or_the_reader_wants_it(real: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = real.run(ground)
    real.prefer(color_scheme="dark")
    dark = real.run(ground)
    assert light == "rgb(255, 255, 255)" != dark
    real.click("#theme")
    assert (real.text("#theme"), real.run(ground)) == ("Theme: light", light)
    real.prefer(color_scheme="light")
    real.click("#theme")
    assert (real.text("#theme"), real.run(ground)) == ("Theme: dark", dark)
    real.prefer(media="print")
    assert real.run(ground) == light


@pytest.mark.parametrize("page", ["real", "three_boots_and_a_hole", "names_from_an_adversary", "nobody_leaks"])
def test_a_phone_need_not_scroll_sideways(browser: Browser, pages: Path, page: str) -> None:
    browser.size(360, 740)
    browser.open(pages / f"{page}.html")
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert browser.run("return document.querySelector('#r1-memory svg').clientWidth") > 300


def test_it_prints(real: Browser) -> None:
    real.click("#r1-kill-0 summary")
    printed = real.command("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 50_000
    assert real.run("return document.querySelector('#r1-kill-0').open") is False, "opened for paper only"


def test_everything_to_act_on_has_a_name_and_a_role(real: Browser) -> None:
    nodes = real.command("Accessibility.getFullAXTree", {})["nodes"]
    checked = 0
    for node in nodes:
        properties = {one["name"]: one["value"].get("value") for one in node.get("properties", [])}
        role = node.get("role", {}).get("value")
        if node.get("ignored") or not properties.get("focusable") or role == "RootWebArea":
            continue
        checked += 1
        assert role != "generic", node
        assert node.get("name", {}).get("value") or role in ("Pre",), node
    assert checked > 25


# -- other recordings ----------------------------------------------------------------------------------------


def test_names_from_an_adversary_do_nothing(browser: Browser, tmp_path: Path) -> None:
    """An alert would stop every further command; a broken script would leave the page unready."""
    names = [b"</script><script>alert(1)</script>", b"'\"><img src=x onerror=alert(2)>", b"<svg onload=alert(3)>"]
    scene = Scene(tmp_path / "hostile.lgr").boot()
    for number, name in enumerate(names):
        scene.run(200 + number, name, lambda t: 500 + 90 * t)
        scene.event("mark", text=name)
    scene.record(40, mappings_every=9)
    scene.oom_kill(200)
    scene.stop()
    assert main(["report", str(scene.path), "--html", str(tmp_path / "page.html")]) == 0
    browser.open(tmp_path / "page.html")
    assert browser.run("return document.images.length") == 0
    assert browser.run("return document.querySelectorAll('svg[onload]').length") == 0
    assert set(legend(browser, "processes")) == {name.decode() for name in names}
    browser.click("#r1 .lane .flag")
    browser.click("#r1-processes li:nth-child(1) button")
    browser.click("#r1-processes .values summary")


def test_several_boots_and_a_gap(browser: Browser, pages: Path) -> None:
    browser.open(pages / "three_boots_and_a_hole.html")
    labels = browser.run("return [...document.querySelectorAll('#r1-memory .nothing')].length")
    assert labels >= 3, "two breaks and a gap"
    browser.point(MEMORY, ("move", 0.6))
    assert set(legend(browser, "memory").values()) == {None}, "nothing is invented in the gap"
    browser.point(MEMORY, ("move", 0.8))
    assert None not in legend(browser, "memory").values()


def test_recordings_side_by_side_are_each_on_their_own(browser: Browser, pages: Path) -> None:
    browser.open(pages / "both.html")
    assert browser.run("return document.querySelectorAll('section.recording').length") == 2
    before = browser.text("#r2 .range")
    browser.press("#r1-memory .plot", "+")
    assert browser.text("#r2 .range") == before
    browser.click("nav li:nth-child(2) a")
    assert browser.run("return location.hash") == "#r2"


@pytest.mark.parametrize("page", ["a_single_sample", "nobody_leaks"])
def test_little_or_no_data_is_no_trouble(browser: Browser, pages: Path, page: str) -> None:
    browser.open(pages / f"{page}.html")
    browser.press(MEMORY, "+", "left", "right", "shift+left", "shift+right", "0", "end", "home", "escape")
    assert browser.text("#r1 .verdict")
