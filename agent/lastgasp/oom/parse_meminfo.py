"""Mem-Info: counters, nodes, zones (with "Node N" before them or not), free lists, swap, RAM and slab caches.

Where the same is told twice, the first counts: the second is of another task's failed allocation, in between.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lastgasp.oom.block import MOST_ROWS, Block, Section
from lastgasp.oom.report import Zone

COUNT = re.compile(rb"([a-z_]+(?:\([a-z]+\))?):(\d{1,18})$")
NODE = re.compile(rb"Node (\d{1,6}) ([a-z_]+):\d")
ZONE = re.compile(rb"(?:Node (\d{1,6}) )?(\w{1,32}) free:\d")
SIZE = re.compile(rb"([\w()]{1,48}): ?(-?\d{1,18})(?:[kK]B(?=\s|$)|(?=\s))")  # with its unit, or else it may be cut
UNRECLAIMABLE = re.compile(rb"all_unreclaimable\? ?(yes|no)")
RESERVE = re.compile(rb"lowmem_reserve\[\]:((?: -?\d{1,18})*)\s*$")
FREE = re.compile(rb"(?:Node (\d{1,6}) )?(\w{1,32}): (?=\d{1,12}\*\d{1,9}kB)")
FREE_OF_ORDER = re.compile(rb"(\d{1,12})\*\d{1,9}kB(?: \(([A-Za-z]{1,12})\))?")
LONGEST_FREE = 600  # of a list that comes in pieces
FREE_GOES_ON = re.compile(rb" ?(?:\d{1,12}\*\d{1,9}kB|\([A-Z]{1,7}\)|= \d)")
FREE_TOTAL = re.compile(rb"= (\d{1,18})kB")
HUGE = re.compile(
    rb"(?:Node (\d{1,6}) )?hugepages_total=(\d+) hugepages_free=(\d+) hugepages_surp=(\d+) hugepages_size=(\d+)kB"
)
PAGES = re.compile(rb"(\d{1,18}) (pages? [\w/ -]{2,40}|(?:total|free|reserved|slab) [\w ]{3,30})\s*$")
SWAP = re.compile(rb"(Free|Total) swap +[=:] *(-?\d{1,18})kB")
SWAP_CACHE = re.compile(rb"Swap cache stats: |Memory cgroup min protection |Memory allocations")
PER_CPU = re.compile(rb"(?:Node \d+ )?\w+ per-cpu:|CPU +\d+: (?:hi|Hot)|active_anon:")
SLAB_HEAD = re.compile(rb"Unreclaimable slab info:|Name +Used +Total")
NO_SLAB = b"excessive unreclaimable slab but cannot dump stats"
SLAB = re.compile(rb"(\S{1,64}|\S.{0,62}\S) +(\d{1,18})KB +(\d{1,18})KB\s*$")
ALLOCATION = re.compile(rb" *[\d.]{1,12} ?(?:[KMGT]i?)?B? +\d{1,18} +\S+:\d+ ")
FIELDS = {
    b"total pagecache pages": "pagecache_pages",
    b"pages in swap cache": "swapcache_pages",
    b"pages swap cached": "swapcache_pages",
    b"pages RAM": "ram_pages",
    b"pages of RAM": "ram_pages",
    b"pages HighMem/MovableOnly": "highmem_pages",
    b"pages HighMem": "highmem_pages",
    b"pages of HIGHMEM": "highmem_pages",
    b"pages reserved": "reserved_pages",
    b"reserved pages": "reserved_pages",
    b"pages cma reserved": "cma_reserved_pages",
}
SECTIONS = {Section.HEAD, Section.MEMORY, Section.SLAB, Section.MEMCG}


def read(text: bytes, block: Block) -> bool:
    """Read a line of this part; False if it is none."""
    if block.section not in SECTIONS:
        return False
    if text.startswith((b"Mem-Info:", b"Mem-info:")):
        block.section = Section.MEMORY
        return True
    if SLAB_HEAD.match(text):
        block.section = Section.SLAB
        if block.report.slab_kb is None:
            block.report.slab_kb = {}
        return True
    if text.startswith(NO_SLAB):
        return True
    if _counts(text, block) or _zones(text, block) or _free(text, block) or _totals(text, block):
        if block.section == Section.HEAD:
            block.section = Section.MEMORY  # the line before was lost
        return True
    return block.section == Section.SLAB and _slab(text, block)


def _counts(text: bytes, block: Block) -> bool:
    tokens = text.split()
    found = [COUNT.match(token) for token in tokens]
    if not tokens or len(tokens) > 32 or not found[0] or not any(found[-2:]):
        return False
    for match in found:
        if match and len(block.report.counts) < MOST_ROWS:
            block.report.counts.setdefault(match[1], int(match[2]))
    return True


def _zones(text: bytes, block: Block) -> bool:
    report = block.report
    if match := ZONE.match(text):
        zone = Zone(int(match[1]) if match[1] else None, match[2], _sizes(text), _unreclaimable(text))
        known = _index(report.zones, zone.node, zone.name)
        if known is None and len(report.zones) < MOST_ROWS:
            report.zones.append(zone)
        elif known is not None and not report.zones[known].kb:
            report.zones[known] = replace(report.zones[known], kb=zone.kb, all_unreclaimable=zone.all_unreclaimable)
        return True
    if match := HUGE.match(text):
        if len(report.hugepages) < MOST_ROWS:
            values = dict(zip((b"total", b"free", b"surp", b"size_kb"), map(int, match.groups()[1:]), strict=True))
            report.hugepages.append(({b"node": int(match[1])} if match[1] else {}) | values)
        return True
    if match := NODE.match(text):
        if len(report.nodes) < MOST_ROWS and int(match[1]) not in report.nodes:
            report.nodes[int(match[1])] = _sizes(text)
            unreclaimable = _unreclaimable(text)
            if unreclaimable is not None:
                report.nodes_unreclaimable[int(match[1])] = unreclaimable
        return True
    if match := RESERVE.match(text):
        if report.zones and report.zones[-1].lowmem_reserve_pages is None:
            pages = tuple(int(number) for number in match[1].split())
            report.zones[-1] = replace(report.zones[-1], lowmem_reserve_pages=pages)
        return True
    return False


def _free(text: bytes, block: Block) -> bool:
    """``DMA: 15*4kB (UE) 18*8kB (UE) … = 1276kB``; old kernels print it in pieces, which a log may have as lines."""
    held = b""
    if block.held is not None and block.held.startswith(b"free "):
        held, block.held = block.held[5:], None
    if held and len(held) < LONGEST_FREE and FREE_GOES_ON.match(text):
        text = held + b" " + text
    match = FREE.match(text)
    if not match:
        return False
    total = FREE_TOTAL.search(text)
    if total is None:
        block.held = b"free " + text
    orders = list(FREE_OF_ORDER.finditer(text, match.end()))
    node = int(match[1]) if match[1] else None
    zones = block.report.zones
    index = _index(zones, node, match[2])
    if index is None and len(zones) < MOST_ROWS:
        zones.append(Zone(node, match[2], {}))  # its own line was lost
        index = len(zones) - 1
    if index is None or (zones[index].free_total_kb is not None and not held):
        return True
    zones[index] = replace(
        zones[index],
        free_blocks=tuple(int(order[1]) for order in orders),
        free_block_types=tuple(order[2] or b"" for order in orders),
        free_total_kb=int(total[1]) if total else None,
    )
    return True


def _index(zones: list[Zone], node: int | None, name: bytes) -> int | None:
    for index, zone in enumerate(zones):
        if zone.name == name and zone.node == node:
            return index
    return None


def _totals(text: bytes, block: Block) -> bool:
    report = block.report
    if match := PAGES.match(text):
        name = FIELDS.get(match[2].strip())
        if name:
            if getattr(report, name) is None:
                setattr(report, name, int(match[1]))
        elif len(report.counts) < MOST_ROWS:
            report.counts[match[2].strip().replace(b" ", b"_")] = int(match[1])
        return True
    if match := SWAP.match(text):
        name = "swap_free_kb" if match[1] == b"Free" else "swap_total_kb"
        if getattr(report, name) is None:
            setattr(report, name, int(match[2]))
        return True
    return (SWAP_CACHE.match(text) or PER_CPU.match(text) or ALLOCATION.match(text)) is not None


def _slab(text: bytes, block: Block) -> bool:
    match = SLAB.match(text)
    if match and block.report.slab_kb is not None and len(block.report.slab_kb) < MOST_ROWS:
        block.report.slab_kb[match[1]] = (int(match[2]), int(match[3]))
    return match is not None


def _sizes(text: bytes) -> dict[bytes, int]:
    return {match[1]: int(match[2]) for match in SIZE.finditer(text)}


def _unreclaimable(text: bytes) -> bool | None:
    match = UNRECLAIMABLE.search(text)
    return None if match is None else match[1] == b"yes"
