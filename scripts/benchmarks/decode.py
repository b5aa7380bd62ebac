"""How long it takes to open a full ring of 4 MiB, and a day of samples every second, and in how much memory.

On the interpreter that runs this. The day is opened in a process of its own, as a command does it, which has no
children: its own peak of resident memory is all there is.
"""

from __future__ import annotations

import gc
import json
import platform
import subprocess
import sys
import time

from benchmarks import synthetic
from benchmarks.figure import Reach, Row, Spread
from benchmarks.plan import Plan, say
from lastgasp.recorder.config import Config
from lastgasp.timeline.load import load

TIMES = 3
QUICK_SHARE = 16  # a quick run decodes this part of a ring and multiplies
MOST_S = 3.0
DAY_BYTES = 2458 * 4096  # hold 24 h of samples every second: 86,600
DAY_MOST_S, DAY_MOST = 5.0, 300e6
OPEN = """
import json, sys, time
sys.path[:] = json.loads(sys.argv[2])
from lastgasp.timeline.load import load
before, cpu = time.perf_counter(), time.process_time()
(recording,) = load(sys.argv[1])
took = time.perf_counter() - before, time.process_time() - cpu
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
json.dump([*took, int(peak.split()[1]) * 1024, recording.samples], sys.stdout)
"""


def run(plan: Plan) -> list[Row]:
    """Rows "decode"."""
    return [_full_ring(plan), *_day(plan)]


def _full_ring(plan: Plan) -> Row:
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
    return Row(
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


def _day(plan: Plan) -> list[Row]:
    share = QUICK_SHARE if plan.quick else 1
    path = f"{plan.folder}/day.ring"
    say("making a day of samples every second")
    synthetic.make(path, DAY_BYTES // share // Config.block_size * Config.block_size, Config.block_size, 1000, 60)
    seconds, cpu, peaks, samples = [], [], [], 0
    for number in range(TIMES):
        command = [sys.executable, "-I", "-c", OPEN, path, json.dumps(sys.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        elapsed_s, cpu_s, peak, samples = json.loads(done.stdout)
        seconds.append(elapsed_s * share)
        cpu.append(cpu_s * share)
        peaks.append(peak)
        say(f"opening {number + 1} of {TIMES}: {seconds[-1]:.2f} s")
    scaled = f"; a {share}th of a day: times {share}, memory as it is" if share > 1 else ""
    note = (
        f"{samples} samples every second of {synthetic.PROCESSES} processes, {synthetic.CHANGING} changing; "
        f"CPU {Spread.of(cpu).median:.2f} s{scaled}"
    )
    python = platform.python_version()
    return [
        Row("decode", "opening a day", "s", Spread.of(seconds), python, reach=Reach(DAY_MOST_S), notes=(note,)),
        Row("decode", "peak memory, opening a day", "MB", Spread.of(peaks), python, reach=Reach(DAY_MOST)),
    ]
