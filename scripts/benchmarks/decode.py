"""How long it takes to decode a full ring of 4 MiB into a timeline, on the interpreter that runs this."""

from __future__ import annotations

import gc
import platform
import time

from benchmarks import synthetic
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, say
from lastgasp.recorder.config import Config
from lastgasp.timeline.load import load

TIMES = 3
QUICK_SHARE = 16  # a quick run decodes this part of a ring and multiplies
MOST_S = 3.0


def run(plan: Plan) -> list[Row]:
    """The row "decode"."""
    share = QUICK_SHARE if plan.quick else 1
    path = f"{plan.folder}/full.ring"
    say(f"making a ring of {Config.ring_size // share} bytes")
    samples = synthetic.make(path, Config.ring_size // share, Config.block_size)
    seconds = []
    points = 0
    for number in range(TIMES):
        gc.collect()
        began = time.perf_counter()
        recordings = load(path)
        seconds.append((time.perf_counter() - began) * share)
        points = sum(
            len(series.at)
            for boot in recordings[0].boots
            for rows in boot.tables.values()
            for several in rows.values()
            for series in several
        )
        undecodable = recordings[0].undecodable
        del recordings
        say(f"decoding {number + 1} of {TIMES}: {seconds[-1]:.2f} s")
    scaled = f"; a {share}th of a ring, times {share}" if share > 1 else ""
    return [
        Row(
            "decode",
            "decoding a full 4 MiB ring",
            "s",
            Spread.of(seconds),
            platform.python_version(),
            reach=Reach(MOST_S),
            notes=(
                f"{samples} synthetic samples of {synthetic.PROCESSES} processes, {synthetic.CHANGING} changing; "
                f"{points} rows in the timeline, {undecodable} records undecodable{scaled}",
            ),
        )
    ]
