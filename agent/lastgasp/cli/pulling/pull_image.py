"""``lastgasp pull IMAGE``: the recordings in a flash dump, put where those of the same ring are kept already."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from lastgasp.cli.pulling.pull_progress import Scanned
from lastgasp.pull import PullError, store
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.identity import Identity
from lastgasp.pull.image.found import FoundRing
from lastgasp.pull.image.rings import Findings, rings
from lastgasp.report import units
from lastgasp.report.visible import visible
from lastgasp.ring.source import SourceError
from lastgasp.timeline.load import LoadError, load

FORMAT = 1
FAILED, PARTLY = 1, 3
NAMELESS = "image"


@dataclass(frozen=True, slots=True)
class Kept:
    """One ring of an image, and where its recording is now."""

    ring: FoundRing
    file: Path
    new: int  # blocks
    diverged: bool  # what was kept is of another course of the ring, and has another name now


def run(options: argparse.Namespace, paths: list[str]) -> int:
    """Search and keep; one that is no good keeps nobody from the others. Raises PullError, OSError."""
    if len(paths) == 1:
        found, kept = _one(options, paths[0])
        sys.stdout.write(
            json.dumps(_as_json(paths[0], found, kept), indent=1) + "\n"
            if options.json
            else _told(paths[0], found, kept)
        )
        return 0
    objects: list[dict[str, object]] = []
    failed = 0
    for path in paths:
        try:
            found, kept = _one(options, path)
        except (PullError, OSError) as error:
            failed += 1
            why = str(error) if str(error).startswith(path) else f"{path}: {error}"
            sys.stderr.write(f"lastgasp: {visible(why)}\n")
            objects.append({"lastgasp_pull_image": FORMAT, "image": visible(path), "failed": visible(why)})
            continue
        objects.append(_as_json(path, found, kept))
        if not options.json:
            sys.stdout.write(_told(path, found, kept))
    if options.json:
        sys.stdout.write(json.dumps(objects, indent=1) + "\n")
    return (FAILED if failed == len(paths) else PARTLY) if failed else 0


def _one(options: argparse.Namespace, path: str) -> tuple[Findings, list[Kept]]:
    """Raises PullError, OSError."""
    folder = options.folder or store.default_folder()
    with Scanned(sys.stderr, path) as line:
        try:
            with rings(path, line.tell) as found:
                if not found.rings:
                    raise PullError(f"{path}: {nothing(found)}")
                return found, [_keep(folder, ring) for ring in found.rings]
        except SourceError as error:
            raise PullError(f"{path}: {error}") from None


def _keep(folder: Path, ring: FoundRing) -> Kept:
    """Put it where what is kept of it is. Raises OSError, PullError."""
    name = f"{ring.ring_id:016x}{store.SUFFIX}"
    known = next((device for device in store.devices(folder) if (device.path / name).exists()), None)
    device = known or store.device(folder, Identity(NAMELESS, serial=f"ring {ring.ring_id:016x}"))
    diverged = False
    with device:
        try:
            _add(device, ring)
        except store.Diverged:
            diverged = True
            device.set_aside(ring.ring_id)
            _add(device, ring)
        new = sum(device.new.values())
        device.remember("image", blocks=new)
    host = _host(device.path / name) if known is None else ""
    return Kept(ring, (store.rename(device, host) if host else device.path) / name, new, diverged)


def _add(device: store.Device, ring: FoundRing) -> None:
    """Those that are kept already before the others: if they differ, nothing was added. Raises PullError, Diverged."""
    for kept in (True, False):
        for data in ring:
            block = Pulled.of(data)
            if block is not None:
                here = device.knows(block.ring, block.write) or device.newest(block.ring) == block.write
                if here == kept:
                    device.add(block)


def _host(path: Path) -> str:
    """What the device calls itself, by its recording; "" if that is not in it."""
    try:
        machines = [boot.machine() for recording in load(str(path)) for boot in recording.boots]
    except LoadError:
        return ""
    return next((found["host"].decode("utf-8", "replace") for found in machines if found.get("host")), "")


def nothing(found: Findings) -> str:
    """Why there is no recording in it."""
    if found.newer:
        return f"its {units.count(found.newer, 'block')} are of a later format: upgrade lastgasp"
    if found.broken:
        return (
            f"no whole block of a recording is in it, but {units.count(found.broken, 'place')} where one begins: it is"
            " damaged, or cut up in a way that is not known here"
        )
    if found.blank:
        return "a ring is in it that was never written: the agent did not run"
    return "; ".join(["no recording is in it", *found.notes])


def _told(path: str, found: Findings, kept: list[Kept]) -> str:
    blocks = sum(len(one.ring) for one in kept)
    lines = [
        f"Found {units.count(len(kept), 'recording')}, {units.count(blocks, 'block')}, in {visible(path)}"
        f" ({units.size(found.size)})."
    ]
    lines += [f"  {text}" for text in found.layout]
    for one in kept:
        ring = one.ring
        text = f"  ring {ring.ring_id:016x}: {units.count(len(ring), 'block')}, {one.new} new"
        if ring.missing:
            text += f", {ring.missing} missing between them"
        lines.append(text)
        lines += [f"    {count} put together from {how}" for how, count in sorted(ring.put_together.items())]
        lines.append(f"    {visible(str(one.file))}")
    if any(one.diverged for one in kept):
        lines.append(
            "note: the ring was put back to an earlier state since the last pull; what was kept until now has -before-"
            " in its name"
        )
    if found.broken:
        lines.append(f"note: {units.count(found.broken, 'place')} where a block begins that is not whole")
    if found.newer:
        lines.append(f"note: {units.count(found.newer, 'block')} of a later format: upgrade lastgasp")
    lines += [f"note: {text}" for text in found.notes]
    lines.append(f"Next: lastgasp report {shlex.quote(visible(str(kept[0].file)))}")
    return "\n".join(lines) + "\n"


def _as_json(path: str, found: Findings, kept: list[Kept]) -> dict[str, object]:
    return {
        "lastgasp_pull_image": FORMAT,
        "image": visible(path),
        "bytes": found.size,
        "layout": found.layout,
        "notes": found.notes,
        "broken": found.broken,
        "newer": found.newer,
        "rings": [
            {
                "ring": f"{one.ring.ring_id:016x}",
                "blocks": len(one.ring),
                "new_blocks": one.new,
                "missing": one.ring.missing,
                "superseded": one.ring.superseded,
                "put_together": dict(one.ring.put_together),
                "file": str(one.file),
                "diverged": one.diverged,
            }
            for one in kept
        ],
    }
