"""``lastgasp pull --hosts``: a bench of devices, some at a time, a line each; who fails is named, the rest is kept."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from lastgasp.cli import pull_one
from lastgasp.cli.pull_progress import Lines
from lastgasp.pull import PullError
from lastgasp.pull.session import Result
from lastgasp.report import units
from lastgasp.report.visible import visible

FAILED = 1
MOST_JOBS = 64


def run(options: argparse.Namespace) -> int:
    """Pull from all. Raises PullError, OSError."""
    names = list(dict.fromkeys(options.targets or targets(options.hosts)))
    if not 1 <= options.jobs <= MOST_JOBS:
        raise PullError(f"--jobs {options.jobs}: from 1 to {MOST_JOBS} at once")
    if options.clear and not options.yes:
        raise PullError("--clear of many devices at once asks nobody: say --yes, too")
    halt = threading.Event()
    done: list[tuple[str, Result]] = []
    failed: dict[str, str] = {}
    with Lines(sys.stderr, names) as lines, ThreadPoolExecutor(options.jobs) as pool:
        work: dict[Future[Result], str] = {
            pool.submit(pull_one.one, options, name, lines.teller(name), halt.is_set): name for name in names
        }
        try:
            while work:
                for future in wait(work, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    name = work.pop(future)
                    try:
                        done.append((name, future.result()))
                        lines.done(name, brief(done[-1][1]))
                    except (PullError, OSError) as error:
                        failed[name] = str(error)
                        lines.done(name, f"failed: {visible(str(error))}")
        except KeyboardInterrupt:
            halt.set()
            for future in work:
                future.cancel()
            raise
    order = {name: place for place, name in enumerate(names)}
    done.sort(key=lambda pair: order[pair[0]])
    if options.json:
        found = pull_one.as_json(done)
        found["failed"] = [{"target": visible(name), "why": visible(failed[name])} for name in names if name in failed]
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write(told(names, done, failed))
    if failed:
        return pull_one.PARTLY if done else FAILED
    return pull_one.PARTLY if any(result.progress.missing for _, result in done) else pull_one.DONE


def targets(path: str) -> list[str]:
    """Of a file, one a line. Raises PullError, OSError."""
    with open(path, encoding="utf-8", errors="replace") as file:
        found = [line.partition("#")[0].strip() for line in file]
    found = [line for line in found if line]
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


def told(names: list[str], done: list[tuple[str, Result]], failed: dict[str, str]) -> str:
    """The answer, then who failed, then the others."""
    results = dict(done)
    new = sum(result.progress.blocks for result in results.values())
    bytes_ = sum(result.progress.done_bytes for result in results.values())
    lines = [
        f"Pulled from {len(results)} of {units.count(len(names), 'device')}:"
        f" {units.count(new, 'new block')}, {units.size(bytes_)}."
    ]
    lines += [f"  failed  {visible(failed[name])}" for name in names if name in failed]
    for name in names:
        if name in results:
            result = results[name]
            lines.append(f"  {visible(name)}: {brief(result)}; {visible(str(result.folder))}")
    folders = {result.folder.parent for result in results.values()}
    lines += [f"Next: lastgasp fleet {visible(str(folder))}" for folder in folders]
    return "\n".join(lines) + "\n"
