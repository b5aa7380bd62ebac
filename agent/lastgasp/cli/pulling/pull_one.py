"""``lastgasp pull TARGET``: one device by its wire; and what ``pull_many`` does with each of many."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from lastgasp.cli.pulling.agreed import agreed
from lastgasp.cli.pulling.password import Password
from lastgasp.cli.pulling.pull_progress import WIDTH, Line
from lastgasp.pull import PullError, PullUsage, session, store, target
from lastgasp.pull.console import Credentials
from lastgasp.pull.progress import Progress
from lastgasp.pull.session import Options, Result
from lastgasp.report import units
from lastgasp.report.visible import visible

FORMAT = 1
DONE, PARTLY = 0, 3
INTERRUPTED = "lastgasp: interrupted; what came is kept, and the next pull goes on from there\n"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing more came, and how many blocks had come by then."""

    why: str
    kept: int = 0


class Rate:
    """How fast blocks came while they came: not the login, nor what a device that fell silent took to come back."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None  # seconds, bytes
        self._seconds, self._bytes = 0.0, 0

    def saw(self, done: int, now: float | None = None) -> None:
        """So many bytes are here now; fewer than before: it begins anew."""
        now = time.monotonic() if now is None else now
        if self._last is not None and done >= self._last[1]:
            self._seconds += now - self._last[0]
            self._bytes += done - self._last[1]
        self._last = now, done

    @property
    def per_second(self) -> float | None:
        """Bytes; None: it was too short to say."""
        return self._bytes / self._seconds if self._seconds and self._bytes else None


def run(options: argparse.Namespace, name: str) -> int:
    """Pull and tell. Raises PullError, OSError."""
    may_clear = options.clear and (options.yes or agreed(f"Take what will be here off the flash of {visible(name)}?"))
    rate = Rate()
    with Line(sys.stderr, name) as line:

        def tell(host: str, progress: Progress) -> None:
            rate.saw(progress.done_bytes)
            line.tell(host, progress)

        try:
            result = one(options, name, tell, may_clear=may_clear)
        except KeyboardInterrupt:
            line.end()
            sys.stderr.write(INTERRUPTED)
            raise
        except PullError as error:
            if not error.kept:
                raise
            line.end()
            kept = units.count(error.kept, "new block")
            sys.stderr.write(f"lastgasp: {visible(str(error))}; {kept} came before that: pull again for the rest\n")
            if options.json:
                found = {**as_json([]), "failed": [failure(name, Failure(str(error), error.kept))]}
                sys.stdout.write(json.dumps(found, indent=1) + "\n")
            return PARTLY
    if options.json:
        sys.stdout.write(json.dumps(as_json([(name, result)]), indent=1) + "\n")
    else:
        sys.stdout.write(told(name, result, rate.per_second, options.without_agent))
    return PARTLY if result.progress.missing else DONE


def one(
    options: argparse.Namespace,
    name: str,
    tell: Callable[[str, Progress], None],
    halted: Callable[[], bool] | None = None,
    may_clear: bool = False,
) -> Result:
    """One device; with ``halted`` among many, when nobody answers questions. Raises PullError, OSError.

    ``may_clear`` is known before: while a person thinks, a device takes us to be gone.
    """
    batch = halted is not None
    if target.is_image(name):
        raise PullError(f"{name}: is a flash image; pull it by itself: lastgasp pull {shlex.quote(name)}")
    wire = target.wire(name, options.baud, batch, None if batch else _said)()
    wire.halted = halted or wire.halted
    credentials = Credentials(options.login, Password(options, batch))
    wanted = Options(
        options.folder or store.default_folder(),
        credentials,
        options.ring,
        None if options.last is None else max(1, options.last // 1000),
        options.interrupt,
        options.without_agent,
        _note,
        may_clear,
    )
    return session.pull(wire, wanted, tell)


def _said(line: str) -> None:
    """What ssh or the device says besides, in place of what is drawn there."""
    sys.stderr.write(f"\r{visible(line):{WIDTH}}\n" if sys.stderr.isatty() else f"{visible(line)}\n")
    sys.stderr.flush()


def _note(text: str) -> None:
    sys.stderr.write(f"\nlastgasp: {visible(text)}\n" if sys.stderr.isatty() else f"lastgasp: {visible(text)}\n")


def check(what: str, given: str | None) -> None:
    """Can it reach a device at all? Raises PullUsage."""
    odd = [
        name
        for sign, name in (("\0", "a NUL byte"), ("\n", "a line feed"), ("\r", "a return"))
        if sign in (given or "")
    ]
    if odd:
        raise PullUsage(f"{what}: there is {odd[0]} in it")


def told(name: str, result: Result, rate: float | None, asked: bool) -> str:
    """What was pulled, and what to type next; ``rate`` in bytes a second. ``asked``: to do without the agent."""
    progress = result.progress
    device = visible(result.identity.host) or "a device without a name"
    if not progress.blocks:
        head = f"Nothing is new on {device} ({visible(name)})."
        if not result.files:
            head = f"{device} ({visible(name)}) has recorded nothing yet: its ring is blank."
    else:
        head = (
            f"Pulled {units.count(progress.blocks, 'new block')} ({units.size(progress.done_bytes)}) of {device} in"
            f" {units.duration(result.seconds * 1000)}{f', {units.size(rate)}/s' if rate else ''}."
        )
    lines = [head]
    if progress.again or result.breaks:
        lines.append(
            f"The line was bad: {units.count(progress.again, 'piece')} asked for again"
            + (f", {units.count(result.breaks, 'time')} broken off and gone on" if result.breaks else "")
            + "; every block is checked."
        )
    if not result.with_agent and asked:
        lines.append("The ring was read with the device's own tools, as asked for.")
    elif not result.with_agent:
        lines.append("There is no lastgasp-agent that sends: the ring was read with the device's own tools.")
    if result.cleared:
        lines.append("What is here was taken off the device's flash, but for its newest blocks.")
    if progress.missing:
        lines.append(f"Not all: {units.count(progress.missing, 'block')} could not be had; pull again.")
    lines += [f"  {visible(str(path))}" for path in result.new]
    if result.diverged:
        lines.append(
            "note: the ring on the device was put back to an earlier state since the last pull; what was kept until"
            " now has -before- in its name"
        )
    elif len(result.files) > 1:
        lines.append(
            f"note: this device has had {len(result.files)} rings: it made a new one, or two devices say that they are"
            " this one"
        )
    last = max(result.new or result.files, key=lambda path: path.stat().st_mtime, default=None)
    if last is not None:
        lines.append(f"Next: lastgasp report {shlex.quote(visible(str(last)))}")
    return "\n".join(lines) + "\n"


def failure(name: str, failed: Failure) -> dict[str, object]:
    """One that failed, as JSON."""
    return {"target": visible(name), "why": visible(failed.why), "new_blocks": failed.kept}


def as_json(results: list[tuple[str, Result]]) -> dict[str, object]:
    """One object for all."""
    devices = []
    for name, result in results:
        identity = result.identity
        devices.append(
            {
                "target": visible(name),
                "host": visible(identity.host),
                "folder": str(result.folder),
                "files": [str(path) for path in result.files],
                "new_blocks": result.progress.blocks,
                "new_bytes": result.progress.done_bytes,
                "missing_blocks": result.progress.missing,
                "asked_again": result.progress.again,
                "breaks": result.breaks,
                "received_bytes": result.received,
                "seconds": round(result.seconds, 3),
                "with_agent": result.with_agent,
                "cleared": result.cleared,
                "diverged": result.diverged,
            }
        )
    return {"lastgasp_pull": FORMAT, "devices": devices}
