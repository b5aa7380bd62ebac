"""When and where: a few lines, however often the clock was set and whatever the names are."""

from __future__ import annotations

from pathlib import Path

from lastgasp.analysis.facts import gather
from lastgasp.report import when
from lastgasp.report.places import mapping_name
from lastgasp.report.screen import Screen
from lastgasp.report.visible import columns, visible
from scene import Scene


def test_a_clock_that_is_set_in_every_boot_is_told_in_a_few_lines(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring")
    for number in range(1, 41):
        scene.boot(number, wall=None).record(10)
        scene.set_clock(f"2026-11-{1 + number // 2:02} {12 * (number % 2):02}:00:00")
        scene.record(10).flush()
    screen = Screen()
    when.span(screen, gather(scene.load()))
    assert len(screen.lines) < 15
    assert any("36 more times" in line for line in screen.lines)


def test_the_name_of_a_mapping_is_cut() -> None:
    """File names have up to 255 bytes, and each may take four columns to be shown."""
    assert columns(mapping_name(b"/lib/" + b"\xff" * 255, visible)) == 40
    assert mapping_name(b"/lib/libfoo.so.1", visible) == "libfoo.so.1"
