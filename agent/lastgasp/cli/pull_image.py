"""``lastgasp pull IMAGE``: the recordings in a flash dump, put where those of the same ring are kept already."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from lastgasp.cli.pull_progress import Scanned
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
NAMELESS = "image"


def run(options: argparse.Namespace, path: str) -> int:
    """Search and keep. Raises PullError, OSError."""
    folder = options.folder or store.default_folder()
    with Scanned(sys.stderr, path) as line:
        try:
            with rings(path, line.tell) as found:
                if not found.rings:
                    raise PullError(f"{path}: {nothing(found)}")
                kept = [(ring, *_keep(folder, ring)) for ring in found.rings]
                line.end()
                sys.stdout.write(_as_json(path, found, kept) if options.json else _told(path, found, kept))
        except SourceError as error:
            raise PullError(f"{path}: {error}") from None
    return 0


def _keep(folder: Path, ring: FoundRing) -> tuple[Path, int]:
    """Where it is now, and how many blocks are new. Raises OSError, PullError."""
    name = f"{ring.ring_id:016x}{store.SUFFIX}"
    known = next((device for device in store.devices(folder) if (device.path / name).exists()), None)
    device = known or store.device(folder, Identity(NAMELESS, serial=f"ring {ring.ring_id:016x}"))
    with device:
        for data in ring:
            block = Pulled.of(data)
            if block is not None:
                device.add(block)
        new = sum(device.new.values())
        device.remember("image", blocks=new)
    host = _host(device.path / name) if known is None else ""
    return (store.rename(device, host) if host else device.path) / name, new


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


def _told(path: str, found: Findings, kept: list[tuple[FoundRing, Path, int]]) -> str:
    blocks = sum(len(ring) for ring, _, _ in kept)
    lines = [
        f"Found {units.count(len(kept), 'recording')}, {units.count(blocks, 'block')}, in {visible(path)}"
        f" ({units.size(found.size)})."
    ]
    lines += [f"  {text}" for text in found.layout]
    for ring, target, new in kept:
        text = f"  ring {ring.ring_id:016x}: {units.count(len(ring), 'block')}, {new} new"
        if ring.missing:
            text += f", {ring.missing} missing between them"
        lines.append(text)
        lines += [f"    {count} put together from {how}" for how, count in sorted(ring.put_together.items())]
        lines.append(f"    {visible(str(target))}")
    if found.broken:
        lines.append(f"note: {units.count(found.broken, 'place')} where a block begins that is not whole")
    if found.newer:
        lines.append(f"note: {units.count(found.newer, 'block')} of a later format: upgrade lastgasp")
    lines += [f"note: {text}" for text in found.notes]
    lines.append(f"Next: lastgasp report {shlex.quote(visible(str(kept[0][1])))}")
    return "\n".join(lines) + "\n"


def _as_json(path: str, found: Findings, kept: list[tuple[FoundRing, Path, int]]) -> str:
    told = {
        "lastgasp_pull_image": FORMAT,
        "image": visible(path),
        "bytes": found.size,
        "layout": found.layout,
        "notes": found.notes,
        "broken": found.broken,
        "newer": found.newer,
        "rings": [
            {
                "ring": f"{ring.ring_id:016x}",
                "blocks": len(ring),
                "new_blocks": new,
                "missing": ring.missing,
                "superseded": ring.superseded,
                "put_together": dict(ring.put_together),
                "file": str(target),
            }
            for ring, target, new in kept
        ],
    }
    return json.dumps(told, indent=1) + "\n"
