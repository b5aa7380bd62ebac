"""A fleet on a screen: what is wrong with how many, then every recording in one line under its firmware."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lastgasp.analysis.fleet import Device, Firmware, Fleet, Kind, Share
from lastgasp.analysis.oom.cause import Case
from lastgasp.report import units
from lastgasp.report.as_json import plain
from lastgasp.report.forecast import SOON_MS, within
from lastgasp.report.oom.words import SHORT
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns, fit_end, visible

FORMAT = 1
NAMED = 4  # files that are no recording, and copies
CAUSES = 12
PLACES = 3
SOONEST = 5
LABEL, TIME, SAMPLES, LEFT, KILLS = 16, 10, 7, 9, 5
TROUBLE = "with a leak, a kill or a shortage"
TITLE = f"  {'device':{LABEL}} {'time':>{TIME}} {'samples':>{SAMPLES}} {'min avail':>{LEFT}} {'kills':>{KILLS}}  what"
ENDING = re.compile(r"(\.(?:ring|lgr|img|bin|ext[234]))?(\.gz)?$")
# What somebody did, behind the name; in few words.
DID = {
    Kind.COUNT: ("leaks files, threads or sockets", "leaks (not memory)"),
    Kind.FILLED: ("most likely filled the memory", "filled it?"),
    Kind.SQUEEZED: ("took the last, and the boot ended", "took the last"),
    Kind.REFUSED: ("took all that may be promised", "took the promises"),
}
Text = Callable[[bytes | str], str]


@dataclass(frozen=True, slots=True)
class Unread:
    """What of the folder is no recording."""

    without: Sequence[str]  # files that hold something else
    unreadable: Sequence[str]  # why others cannot be read, with the file's name


def draw(screen: Screen, fleet: Fleet, unread: Unread) -> None:
    """The answer, the causes, the recordings, what was left out."""
    screen.wrap(answer(fleet, screen.text), "", "", _role(fleet))
    screen.heading(f"{'WHY':56}{'recordings':>12} {'killed in':>11}")
    for share in fleet.causes[:CAUSES]:
        _share(screen, fleet, share)
    if len(fleet.causes) > CAUSES:
        screen.line(f"  {units.count(len(fleet.causes) - CAUSES, 'more cause')}; --json tells of them", "dim")
    labels = _labels(fleet, screen.text)
    _runs_out(screen, fleet, labels)
    for firmware, devices in fleet.firmwares:
        troubled = sum(device.troubled for device in devices)
        counted = f"{units.count(len(devices), 'recording')}, {troubled or 'none'} {TROUBLE}"
        _heading(screen, _firmware(firmware, screen.text), counted)
        screen.line(TITLE, "dim")
        for device in devices:
            _device(screen, device, labels[id(device)])
    screen.line()
    _left_out(screen, fleet, unread)
    worst = fleet.devices[0]
    screen.wrap(f"The worst of them whole: lastgasp report {screen.text(worst.file)}", "", "  ")


def _role(fleet: Fleet) -> str:
    """Whether anything is wrong; neither good nor bad where it is a suspicion, or nothing can be told."""
    if any(device.troubled for device in fleet.devices):
        return "bad"
    return "good" if all(share.kind is Kind.NOTHING for share in fleet.causes) else ""


def _heading(screen: Screen, firmware: str, counted: str) -> None:
    """Which firmware, whole: versions tell them apart; behind it how many."""
    screen.line()
    if columns(firmware) + len(counted) + 2 <= WIDTH:
        screen.line(f"{firmware}: {counted}", "head")
    else:
        screen.wrap(f"{firmware}:", "", "  ", "head")
        screen.line(f"  {counted}", "head")


def answer(fleet: Fleet, text: Text) -> str:
    """One sentence: the commonest cause, in how many, and how many were hit by the OOM killer."""
    total = len(fleet.devices)
    leaks = [share for share in fleet.causes if share.kind in (Kind.LEAK, Kind.MACHINE, *DID)]
    first = leaks[0] if leaks else fleet.causes[0]
    if first.kind is Kind.KILLED:
        said = f"No leak was found in {units.count(total, 'recording')}"
    elif first.kind is Kind.UNKNOWN:
        said = f"Nothing can be told: {units.count(total, 'recording')}, too short all of them"
    elif first.kind is Kind.NOTHING:
        known = units.count(len(first.sure), "recording")
        said = f"Nobody leaks in {known}" + (f" of {total}" if total > len(first.sure) else "")
    else:
        said = f"{_what(first, text)} in {len(first.sure) or len(first.perhaps)} of {units.count(total, 'recording')}"
        said += f", perhaps in {len(first.perhaps)} more" if first.sure and first.perhaps else ""
        ran = {device.firmware for device in first.sure or first.perhaps}
        if len(ran) == 1 and len(fleet.firmwares) > 1:
            said += f", all of them with {_firmware(ran.pop(), text)}"
        more = [share for share in leaks[1:] if share.sure]
        if more:
            said += f"; {units.count(len(more), 'more cause')}"
    killed = sum(bool(device.kills) for device in fleet.devices)
    counted = sum(device.kills or 0 for device in fleet.devices)
    if killed:
        return f"{said}; the OOM killer killed {units.count(counted, 'time')}, in {units.count(killed, 'recording')}."
    unknown = any(device.kills is None for device in fleet.devices)
    return f"{said}; {'no OOM kill was seen' if unknown else 'nobody was killed for memory'}."


def _what(share: Share, text: Text) -> str:
    """ "sensord leaks in libfoo.so.1"."""
    name = _name(share.name, text)
    if share.kind is Kind.LEAK:
        does = "leaks" if share.sure else "may leak"
        return f"{name} {does}" + (f" in {_place(share.places[0][0], text)}" if len(share.places) == 1 else "")
    if share.kind is Kind.MACHINE:
        return f"{name}{f' ({text(share.places[0][0])})' if len(share.places) == 1 else ''}: growth"
    if share.kind is Kind.KILLED and share.name is not None:
        return f"killed, and nobody leaks: {_short(share.name)}"
    if share.name is not None and share.kind in DID:
        return f"{name} {DID[share.kind][0]}"
    return share.kind.value


def _share(screen: Screen, fleet: Fleet, share: Share) -> None:
    counts = f"{len(share.sure)} of {len(fleet.devices)}"
    killed = str(share.killed) if share.killed else "-"
    what = screen.fit(_what(share, screen.text), 54)
    role = "bad" if share.sure and share.kind not in (Kind.NOTHING, Kind.UNKNOWN) else ""
    screen.line(f"  {what}{counts:>12} {killed:>11}", role)
    if len(share.places) > 1:
        parts = [f"{_place(name, screen.text)} in {number}" for name, number in share.places[:PLACES]]
        more = f", {len(share.places) - PLACES} more" if len(share.places) > PLACES else ""
        screen.wrap(f"most in {', '.join(parts)}{more}", "    ", "    ", "dim")
    if share.perhaps and share.sure:
        screen.line(f"    and perhaps in {len(share.perhaps)} more", "dim")
    elif share.perhaps:
        screen.line(f"    only a suspicion, in {len(share.perhaps)}", "dim")


def _device(screen: Screen, device: Device, label: str) -> None:
    left = units.size(device.available_bytes) if device.available_bytes is not None else "unknown"
    kills = "?" if device.kills is None else str(device.kills)
    screen.line(
        f"  {screen.fit(_tail(screen, label, LABEL), LABEL)} {units.duration(device.recorded_ms):>{TIME}}"
        f" {device.samples:>{SAMPLES}} {left:>{LEFT}} {kills:>{KILLS}}  {_cause(device, screen.text)}",
        "bad" if device.troubled else "",
    )


def _cause(device: Device, text: Text) -> str:
    """Its worst one, in few words."""
    worst = device.causes[0]
    rate = units.rate(worst.per_s, device.recorded_ms) if worst.per_s else ""
    name = _name(worst.name, text)
    if worst.kind is Kind.LEAK:
        return f"{name} {'leaks' if worst.sure else 'leaks?'} {rate}"
    if worst.kind is Kind.MACHINE:
        return f"+{rate} {name}" if rate else f"{name} grows"
    if worst.kind is Kind.KILLED:
        victim = f" {_name(device.victims[0], text)}" if device.victims else ""
        return _short(worst.name) if worst.name is not None else f"killed{victim}, no leak"
    if worst.name is not None and worst.kind in DID:
        return f"{name} {DID[worst.kind][1]}"
    return worst.kind.value


def _labels(fleet: Fleet, text: Text) -> dict[int, str]:
    """What to call each device: by its name, or where several have the same by what tells their files apart."""
    hosts = Counter(device.host for device in fleet.devices)
    paths = {id(device): device.file for device in fleet.devices}
    above = os.path.commonpath([os.path.abspath(path) for path in paths.values()])
    above = above if len(set(paths.values())) > 1 else os.path.dirname(above)
    short = {key: ENDING.sub("", os.path.relpath(path, above)) for key, path in paths.items()}
    if len({os.path.basename(path) for path in short.values()}) == 1 and all("/" in path for path in short.values()):
        short = {key: os.path.dirname(path) for key, path in short.items()}
    found = {}
    for device in fleet.devices:
        own = device.host if device.host and hosts[device.host] == 1 else None
        found[id(device)] = text(own if own is not None else short[id(device)])
    return found


def _name(raw: bytes | None, text: Text) -> str:
    """Of a program or a kind of memory. A process may call itself nothing at all."""
    return "" if raw is None else text(raw) or '""'


def _short(case: bytes) -> str:
    return SHORT[Case(case.decode())]


def _runs_out(screen: Screen, fleet: Fleet, labels: dict[int, str]) -> None:
    """The devices that run out of memory first, if all goes on."""
    known = [(device, one) for device in fleet.devices if (one := device.runs_out) is not None]
    soon = [(device, one) for device, one in known if (one.in_ms or 0) < SOON_MS]
    if not soon:
        return
    screen.heading("NEXT TO RUN OUT (from the end of its recording, if all goes on)")
    soon.sort(key=lambda item: item[1].in_ms or 0)
    for device, one in soon[:SOONEST]:
        who = "" if one.group is None else f"group {screen.text(one.group)} "
        screen.wrap(f"{screen.fit(_tail(screen, labels[id(device)], LABEL), LABEL)} {who}{within(one)}", "  ", " " * 19)
    if len(soon) > SOONEST:
        screen.line(f"  {units.count(len(soon) - SOONEST, 'more recording')} within {units.duration(SOON_MS)}", "dim")


def _tail(screen: Screen, label: str, width: int) -> str:
    """The end of a path: what tells files of many folders apart."""
    return label if columns(label) <= width else screen.dots + fit_end(label, width - 1)


def _place(name: bytes, text: Text) -> str:
    return text(name.rpartition(b"/")[2] or name)


def _firmware(firmware: Firmware, text: Text) -> str:
    """ "Acme OS 2.1, Linux 6.1.0"."""
    system, version = firmware.system, firmware.version
    said = text(system) if system else "unknown system"
    if version and not (system and version in system):
        said += f" {text(version)}"
    return said + (f", Linux {text(firmware.kernel)}" if firmware.kernel else ", unknown kernel")


def _left_out(screen: Screen, fleet: Fleet, unread: Unread) -> None:
    copies = [file for device in fleet.devices for file in device.copies]
    if copies:
        what = "a copy" if len(copies) == 1 else f"{len(copies)} copies"
        screen.wrap(f"Not counted, {what} of a ring that is longer elsewhere: {_some(copies, screen)}", "", "  ")
    if unread.without:
        screen.wrap(
            f"Without a recording: {units.count(len(unread.without), 'file')} ({_some(unread.without, screen)})",
            "",
            "  ",
        )
    for line in unread.unreadable[:NAMED]:
        screen.wrap(f"Cannot be read: {screen.text(line)}", "", "  ")
    if len(unread.unreadable) > NAMED:
        screen.line(f"Cannot be read: {len(unread.unreadable) - NAMED} more")


def _some(names: Sequence[str], screen: Screen) -> str:
    more = f", {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(screen.text(name) for name in names[:NAMED]) + more


def render(fleet: Fleet, unread: Unread) -> str:
    """The same as one JSON object."""
    numbers = {id(device): number for number, device in enumerate(fleet.devices)}
    whole = {
        "lastgasp_fleet": FORMAT,
        "answer": answer(fleet, visible),
        "recordings": [plain(device) for device in fleet.devices],
        "firmwares": [
            {"firmware": plain(firmware), "recordings": [numbers[id(device)] for device in devices]}
            for firmware, devices in fleet.firmwares
        ],
        "causes": [
            {
                "kind": share.kind.value,
                "name": plain(share.name),
                "places": [{"name": plain(name), "recordings": number} for name, number in share.places],
                "sure": [numbers[id(device)] for device in share.sure],
                "perhaps": [numbers[id(device)] for device in share.perhaps],
                "killed": share.killed,
            }
            for share in fleet.causes
        ],
        "without": plain(list(unread.without)),
        "unreadable": plain(list(unread.unreadable)),
    }
    return json.dumps(whole, indent=1) + "\n"
