"""``lastgasp pull --hosts``: a bench of devices, some at a time, a line each; who fails is named, the rest is kept."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from lastgasp.cli.pulling import pull_one
from lastgasp.cli.pulling.pull_one import Failure
from lastgasp.cli.pulling.pull_progress import Lines
from lastgasp.pull import PullError, PullUsage
from lastgasp.pull.session import Result
from lastgasp.report import units
from lastgasp.report.visible import visible

FAILED = 1
NOT_BEGUN = "interrupted before it began"
MOST_JOBS = 64


def run(options: argparse.Namespace) -> int:
    """Pull from all. Raises PullError, OSError."""
    if not 1 <= options.jobs <= MOST_JOBS:
        raise PullUsage(f"--jobs {options.jobs}: from 1 to {MOST_JOBS} at once")
    if options.clear and not options.yes:
        raise PullUsage("--clear of many devices at once asks nobody: say --yes, too")
    names = list(dict.fromkeys(options.targets or targets(options.hosts)))
    halt = threading.Event()
    done: dict[str, Result] = {}
    failed: dict[str, Failure] = {}
    interrupted = False
    with Lines(sys.stderr, names) as lines, ThreadPoolExecutor(options.jobs) as pool:
        work: dict[Future[Result], str] = {
            pool.submit(pull_one.one, options, name, lines.teller(name), halt.is_set, options.clear): name
            for name in names
        }
        try:
            while work:
                for future in wait(work, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    name = work.pop(future)
                    _take(name, future, done, failed)
                    lines.done(name, brief(done[name]) if name in done else f"failed: {visible(failed[name].why)}")
        except KeyboardInterrupt:
            interrupted = True
            halt.set()
            for future in work:
                future.cancel()
            wait(work)  # consoles are given back
            for future, name in work.items():
                if future.cancelled():
                    failed[name] = Failure(NOT_BEGUN)
                else:
                    _take(name, future, done, failed)
    if options.json:
        found = pull_one.as_json([(name, done[name]) for name in names if name in done])
        found["failed"] = [pull_one.failure(name, failed[name]) for name in names if name in failed]
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write(told(names, done, failed))
    if interrupted:
        sys.stdout.flush()
        sys.stderr.write(pull_one.INTERRUPTED)
        raise KeyboardInterrupt
    if failed:
        return pull_one.PARTLY if done or any(one.kept for one in failed.values()) else FAILED
    return pull_one.PARTLY if any(result.progress.missing for result in done.values()) else pull_one.DONE


def _take(name: str, future: Future[Result], done: dict[str, Result], failed: dict[str, Failure]) -> None:
    """What came of one. Whatever a device does to us, the others are pulled."""
    try:
        done[name] = future.result()
    except PullError as error:
        failed[name] = Failure(str(error), error.kept)
    except OSError as error:
        failed[name] = Failure(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        failed[name] = Failure(f"a bug in lastgasp, please report it: {type(error).__name__}: {error}")


def targets(path: str) -> list[str]:
    """Of a file, one a line. Raises PullError, OSError."""
    with open(path, encoding="utf-8", errors="replace") as file:
        found = [line.partition("#")[0].strip() for line in file]
    found = [line for line in found if line]
    for number, line in enumerate(found, 1):
        pull_one.check(f"{path}: its target {number}", line)
    if not found:
        raise PullError(f"{path}: names no device; write one a line")
    return found


def brief(result: Result) -> str:
    """What came, in a few words."""
    progress = result.progress
    if not progress.blocks:
        return "nothing new"
    missing = f", {progress.missing} missing" if progress.missing else ""
    return f"{units.count(progress.blocks, 'new block')}, {units.size(progress.done_bytes)}{missing}"


def told(names: list[str], results: dict[str, Result], failed: dict[str, Failure]) -> str:
    """The answer, then who failed, then the others."""
    new = sum(result.progress.blocks for result in results.values())
    bytes_ = sum(result.progress.done_bytes for result in results.values())
    lines = [
        f"Pulled from {len(results)} of {units.count(len(names), 'device')}:"
        f" {units.count(new, 'new block')}, {units.size(bytes_)}."
    ]
    broken = [one.kept for one in failed.values() if one.kept]
    if broken:
        lines.append(f"{units.count(sum(broken), 'new block')} came of {len(broken)} that broke off: pull again.")
    for name in names:
        if name in failed:
            why, kept = failed[name].why, failed[name].kept
            text = why if why.startswith(f"{name}: ") else f"{name}: {why}"
            came = f"; {units.count(kept, 'new block')} came before that" if kept else ""
            lines.append(f"  failed  {visible(text)}{came}")
    for name in names:
        if name in results:
            result = results[name]
            lines.append(f"  {visible(name)}: {brief(result)}; {visible(str(result.folder))}")
    folders = {result.folder.parent for result in results.values()}
    lines += [f"Next: lastgasp fleet {shlex.quote(visible(str(folder)))}" for folder in folders]
    return "\n".join(lines) + "\n"
