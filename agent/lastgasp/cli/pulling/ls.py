"""``lastgasp ls``: what was pulled, device by device."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from lastgasp.cli.pulling.kept import Kept, chosen, declare, recordings
from lastgasp.pull import store
from lastgasp.report import units
from lastgasp.report.visible import visible

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FORMAT = 1
EXAMPLES = """\
examples:
  lastgasp ls                            all devices
  lastgasp ls gateway-1a2b3c4d --json    one of them
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "ls",
        help="what was pulled, per device",
        description="List the devices that were pulled from: their recordings, the time these cover by the device's"
        " clock, and the last pull.",
    )
    declare(parser)
    parser.add_argument("--json", action="store_true", help="as JSON (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """List. Raises PullError, OSError."""
    folder = options.folder or store.default_folder()
    found = [(device, recordings(device)) for device in chosen(folder, options.devices)]
    if options.json:
        told = {"lastgasp_ls": FORMAT, "folder": str(folder), "devices": [_as_json(*one) for one in found]}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return 0
    if not found:
        sys.stdout.write(f"Nothing was pulled to {visible(str(folder))} yet.\nNext: lastgasp pull root@DEVICE\n")
        return 0
    files = [one for _, kept in found for one in kept]
    size = sum(one.size for one in files)
    sys.stdout.write(
        f"{units.count(len(found), 'device')}, {units.count(len(files), 'recording')}, {units.size(size)} in"
        f" {visible(str(folder))}\n"
    )
    for device, kept in found:
        sys.stdout.write("\n" + "\n".join(_lines(device, kept)) + "\n")
    return 0


def _lines(device: store.Device, kept: list[Kept]) -> list[str]:
    facts = device.facts
    model = _text(facts, "model")
    head = f"{_text(facts, 'host') or 'without a name'}" + (f", {model}" if model else "")
    lines = [f"{head}  ({visible(device.path.name)})"]
    for one in kept:
        covers = f"{units.utc(one.begins_ns)} to {units.utc(one.ends_ns)}" if one.blocks else "empty"
        lines.append(f"  {one.path.name}  {units.count(one.blocks, 'block')}, {units.size(one.size)}")
        lines.append(f"    {covers}")
    pulls: list[dict[str, Any]] = facts.get("pulls") or []
    if pulls:
        lines.append(f"  last pull {visible(str(pulls[-1].get('at')))} from {visible(str(pulls[-1].get('wire')))}")
    return lines


def _text(facts: dict[str, Any], name: str) -> str:
    return visible(str(facts.get(name) or ""))


def _as_json(device: store.Device, kept: list[Kept]) -> dict[str, object]:
    return {
        "folder": device.path.name,
        **{name: _text(device.facts, name) for name in ("host", "machine", "serial", "mac", "model")},
        "recordings": [
            {
                "file": str(one.path),
                "bytes": one.size,
                "blocks": one.blocks,
                "begins_wall_ns": one.begins_ns,
                "ends_wall_ns": one.ends_ns,
            }
            for one in kept
        ],
        "pulls": [
            {name: visible(str(value)) for name, value in pull.items()} for pull in device.facts.get("pulls") or []
        ],
    }
