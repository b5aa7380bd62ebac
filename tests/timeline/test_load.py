"""Rings into recordings: boots, clocks and changes of the agent come out as one timeline with honest times."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flash import EmulatedFlash
from workload import BLOCK_SIZE, SLOTS, Workload, blank_ring, events_of, invented, read_back

from lastgasp.ring import prepare
from lastgasp.timeline.load import LoadError, load

IN_2026 = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3600 * 10**9


def another_run(
    flash: EmulatedFlash, number: int, wall_ns: int, start_ms: int = 5000, boot: int | None = None
) -> Workload:
    """An agent that starts on what is there; every run is a boot of its own unless told otherwise."""
    place = prepare.find_place(flash, SLOTS, BLOCK_SIZE).place
    boot_id = bytes([number if boot is None else boot]) * 16
    return Workload(flash, number, place, boot=boot_id, start_ms=start_ms, first_event=number * 1000, wall_ns=wall_ns)


def samples(work: Workload, count: int) -> Workload:
    for _ in range(count):
        work.sample()
    assert work.writer.flush()
    return work


def test_boots_come_out_in_the_order_they_happened_with_their_own_samples() -> None:
    flash = EmulatedFlash(blank_ring())
    works = [samples(another_run(flash, n, IN_2026 + n * HOUR), 6 + n) for n in range(1, 8)]
    recording = read_back(bytes(flash.image))
    assert recording is not None
    assert [boot.boot_id[0] for boot in recording.boots] == [1, 2, 3, 4, 5, 6, 7]
    assert [len(boot.sample_at) for boot in recording.boots] == [7, 8, 9, 10, 11, 12, 13]
    assert events_of(recording) == [n for work in works for n in work.events]
    assert not invented(recording, *[work.truth for work in works])
    assert recording.missing == 0


def test_two_runs_of_the_agent_in_one_boot_are_one_boot() -> None:
    flash = EmulatedFlash(blank_ring())
    samples(another_run(flash, 1, IN_2026, boot=9), 5)
    samples(another_run(flash, 2, IN_2026, start_ms=60_000, boot=9), 5)
    recording = read_back(bytes(flash.image))
    assert recording is not None
    (boot,) = recording.boots
    assert len(boot.sample_at) == 10
    assert (boot.first_ms, boot.last_ms) == (5000, 64_000)


def test_a_boot_in_1970_whose_clock_is_set_later_is_dated_by_the_later_setting() -> None:
    flash = EmulatedFlash(blank_ring())
    work = another_run(flash, 1, 0)
    samples(work, 4)
    work.encoder.event(work.now_ms, b"clock", [(b"from", b"0"), (b"to", b"%d" % IN_2026)])
    work.wall_ns = IN_2026
    samples(work, 4)
    recording = read_back(bytes(flash.image))
    assert recording is not None
    boot = recording.boots[0]
    assert boot.wall_ns(5000) == IN_2026 + 5000 * 10**6
    assert [e.kind for e in boot.events if e.kind == "clock"] == ["clock"]


def test_a_boot_whose_clock_was_never_set_has_no_absolute_times() -> None:
    flash = EmulatedFlash(blank_ring())
    samples(another_run(flash, 1, 0), 4)
    recording = read_back(bytes(flash.image))
    assert recording is not None and recording.boots[0].wall_ns(5000) is None


def test_a_clock_that_jumps_back_moves_dates_and_no_sample() -> None:
    flash = EmulatedFlash(blank_ring())
    work = samples(another_run(flash, 1, IN_2026 + 5 * HOUR), 4)
    work.encoder.event(work.now_ms, b"clock", [(b"from", b"%d" % work.wall_ns), (b"to", b"%d" % IN_2026)])
    work.wall_ns = IN_2026
    samples(work, 4)
    recording = read_back(bytes(flash.image))
    assert recording is not None
    boot = recording.boots[0]
    assert list(boot.sample_at) == sorted(boot.sample_at)
    assert boot.wall_ns(0) == IN_2026
    assert (8999, IN_2026 + 5 * HOUR) in boot.offsets and (9000, IN_2026) in boot.offsets


def test_an_upgraded_agent_with_other_columns_goes_on_in_the_same_series_of_a_row() -> None:
    flash = EmulatedFlash(blank_ring())
    samples(another_run(flash, 1, IN_2026, boot=9), 3)
    work = another_run(flash, 2, IN_2026, start_ms=60_000, boot=9)
    upgraded = work.encoder.table(b"process", (b"rss", b"swap", b"shared", b"cpu"))
    work.encoder.begin(60_000, 3)
    work.encoder.introduce(upgraded, b"0@7", b"0@7", b"name", (41, 42, 43, 44))
    work.encoder.end()
    assert work.writer.flush()
    recording = read_back(bytes(flash.image))
    assert recording is not None
    boot = recording.boots[0]
    times, values = boot.points("process", b"0@7", "rss")
    assert (times[-1], values[-1]) == (60_000, 41)
    assert boot.points("process", b"0@7", "swap")[1].tolist() == [42]
    assert boot.latest("process", b"0@7", "shared") == 43


def test_kernel_messages_that_a_restarted_agent_read_again_are_told_once() -> None:
    flash = EmulatedFlash(blank_ring())
    for run in (1, 2):
        work = another_run(flash, run, IN_2026, boot=9, start_ms=5000 * run)
        work.encoder.kmsg(5000 * run, [b"6,1,100,-;one", b"6,2,200,-;two"][:run])
        assert work.writer.flush()
    recording = read_back(bytes(flash.image))
    assert recording is not None
    assert [m.record for m in recording.boots[0].messages] == [b"6,1,100,-;one", b"6,2,200,-;two"]


def test_a_stop_that_was_asked_for_is_told_from_a_power_cut() -> None:
    flash = EmulatedFlash(blank_ring())
    work = samples(another_run(flash, 1, IN_2026), 2)
    recording = read_back(bytes(flash.image))
    assert recording is not None and not recording.clean_stop
    work.encoder.event(work.now_ms, b"stop", [])
    assert work.writer.flush()
    recording = read_back(bytes(flash.image))
    assert recording is not None and recording.clean_stop


def test_a_folder_gives_the_recordings_of_all_its_files_and_passes_over_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        flash = EmulatedFlash(blank_ring())
        samples(another_run(flash, 1, IN_2026), 2)
        (tmp_path / name).write_bytes(flash.image)
    (tmp_path / "notes.txt").write_text("not a ring")
    (tmp_path / "folder").mkdir()
    assert [Path(recording.name).name for recording in load(str(tmp_path))] == ["a", "b"]


def test_a_folder_without_recordings_and_a_missing_file_say_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no file in this folder holds a recording"):
        load(str(tmp_path))
    with pytest.raises(LoadError, match="No such file"):
        load(str(tmp_path / "nothing"))
