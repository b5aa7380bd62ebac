"""``lastgasp fleet``: many recordings at once, one line each.

Recordings are read one at a time in each of several processes, and only the summary of each is kept: memory does not
grow with their number. What cannot be read is told at the end and stops nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from lastgasp import __version__
from lastgasp.analysis import fleet
from lastgasp.analysis.facts import gather
from lastgasp.report import fleet as report
from lastgasp.report import units
from lastgasp.report.answer import answer
from lastgasp.report.screen import Screen
from lastgasp.report.visible import visible
from lastgasp.timeline.folder import below, called_recording
from lastgasp.timeline.load import LoadError, NoRecording, load

if TYPE_CHECKING:
    from argparse import _SubParsersAction

AHEAD = 4  # files handed to each process before it is done with the first
EXAMPLES = """\
examples:
  lastgasp fleet pulled/                 every recording below this folder
  lastgasp fleet monday/ tuesday/ board-7.lgr
  lastgasp fleet --json pulled/ | jq '.causes[0]'
  lastgasp fleet --json pulled/ |
    jq -r '.recordings[] | select(.kills > 0) | .file'
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "fleet",
        help="many recordings at once: what is wrong with how many",
        description="Read every recording below a folder, whatever the files are called, plain or gzip: one line each,"
        " the worst first, grouped by firmware, and how many have each cause. Of several copies of one ring only the"
        " longest counts. Exit status 0: done, whatever was found; 1: no recording in it.",
    )
    parser.add_argument(
        "paths", nargs="+", metavar="DIR", help="a folder, looked through with all in it; or a recording"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object (explained in report/JSON.md)")
    parser.add_argument(
        "--jobs",
        type=_jobs,
        default=os.cpu_count() or 1,
        metavar="N",
        help="read so many at a time (default: the CPUs)",
    )
    parser.set_defaults(run=run)
    return parser


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1024")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Print the fleet. Raises LoadError where there is no recording at all."""
    files: list[str] = []
    unreadable: list[str] = []
    for path in options.paths:
        os.stat(path)
        found_in, closed = below(path) if os.path.isdir(path) else ([path], [])
        files += found_in
        unreadable += [why for _, why in closed]
    files = list(dict.fromkeys(files))
    devices: list[fleet.Device] = []
    without: list[str] = []
    for number, (path, found) in enumerate(_read_all(files, options.jobs), 1):
        _progress(number, len(files))
        if isinstance(found, list):
            devices += found
        elif found is None:
            without.append(path)
        else:
            unreadable.append(found)
    _progress(0, 0)
    if not devices:
        counted = units.count(len(without) + len(unreadable), "file")
        why = f"; the first that cannot be read: {unreadable[0]}" if unreadable else ""
        raise LoadError(f"{', '.join(options.paths)}: no recording in {counted}{why}")
    whole, unread = fleet.join(devices), report.Unread(sorted(without), sorted(unreadable))
    if options.json:
        sys.stdout.write(report.render(whole, unread))
        return 0
    screen = Screen.on(sys.stdout)
    report.draw(screen, whole, unread)
    sys.stdout.write(str(screen))
    return 0


def summaries(path: str) -> list[fleet.Device] | str | None:
    """What the recordings of one file say; None: there are none in it; or why it cannot be read."""
    found = []
    try:
        for recording in load(path):
            facts = gather(recording)
            device = fleet.summary(recording, facts)
            device.answer = answer(facts, visible)
            found.append(device)
    except NoRecording as error:
        return str(error) if called_recording(path) else None
    except LoadError as error:
        return str(error)
    except OSError as error:
        return f"{path}: {error.strerror}"
    except MemoryError:
        return f"{path}: not enough memory to read it; with --jobs 1 there is more for each"
    except Exception as error:  # the others are to be told all the same
        return f"{path}: this is a bug in lastgasp {__version__}, please report it: {error!r}"
    return found


Found = tuple[str, list[fleet.Device] | str | None]


def _read_all(files: list[str], jobs: int) -> Iterator[Found]:
    """Each file and what is in it, as they get ready."""
    jobs = min(jobs, len(files))
    if jobs < 2:
        for path in files:
            yield path, summaries(path)
        return
    lost: list[str] = []
    yield from _in_pool(files, jobs, lost)
    for path in lost:  # the pool broke: a process was killed, most likely for want of memory; whose fault was it?
        alone: list[str] = []
        yield from _in_pool([path], 1, alone)
        for again in alone:
            yield again, f"{again}: reading it was killed; out of memory?"


def _in_pool(files: Iterable[str], jobs: int, lost: list[str]) -> Iterator[Found]:
    """``lost`` takes those that a process was reading, or was about to, when one was killed."""
    rest = iter(files)
    under_way: dict[Future[list[fleet.Device] | str | None], str] = {}
    with ProcessPoolExecutor(jobs, initializer=_quiet) as pool:
        try:
            while True:
                while len(under_way) < jobs * AHEAD and (path := next(rest, None)) is not None:
                    try:
                        under_way[pool.submit(summaries, path)] = path
                    except BrokenProcessPool:
                        lost += [path, *rest]
                if not under_way:
                    return
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    path = under_way.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        lost.append(path)
                    else:
                        yield path, future.result()
        except BaseException:
            for process in multiprocessing.active_children():  # nobody waits for what they read
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _quiet() -> None:
    """In a process that reads: an interrupt ends it without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _progress(number: int, total: int) -> None:
    """On a terminal: how far it is; nothing is left of it at the end."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r{number} of {total} files read" if total else "\r\x1b[K")
        sys.stderr.flush()
