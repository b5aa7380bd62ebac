"""Format version 1 is frozen: what these files hold is read the same for ever, and FORMAT.md says what is in them."""

from __future__ import annotations

import hashlib
import re
import zlib
from pathlib import Path

import pytest
from canonical import DICTIONARY as DICTIONARY_FILE
from canonical import by_c, by_python, program

import lastgasp.recorder
from lastgasp.proc import (
    cgroup,
    diskstats,
    dmabuf,
    loadavg,
    net_dev,
    pid_smaps,
    slabinfo,
    sockstat,
    stat,
    zoneinfo,
    zram,
)
from lastgasp.recorder import agent, mappings, processes
from lastgasp.ring import dictionary
from lastgasp.timeline.load import LoadError, load

GOLDEN = Path(__file__).with_name("golden")
# Never to be changed: a reader that finds something else is wrong, not the file.
PINNED = {
    "v1-boots.ring": "049aceb9e1e270624fe6a2bbadef2d5ae724494331ae0331fafdc95b29e8475b",
    "v1-boots.txt": "0eeed9921e47b6e8eb1123feda82ed1d669740a590059ffecfff436a7d57b207",
    "v1-plain.ring": "30b5fa80f3f9eb6ee2e45222b6c2a9fd279c7f94d01e6083688edfc9496d9af1",
    "v1-plain.txt": "0c480e4b06f7df521e8a548a39640229a753970ecd2974896084e52c59288547",
    "v1-unknown.ring": "769a8e20d36c96c88330fbf5311fcf6609e4807c814d84b6a12d75b504b8884f",
    "v1-unknown.txt": "2b318313c6ad8f536e577c2049efb99ccc17b43c575b113cbf6687c470191eb8",
    "v2-newer.ring": "1d2842fe6537ff666cae56dda59b042449184e6a5d9ab024cc930ef743c507e7",
    "v2-newer.txt": "729de0a079258b69839d03113df54883e9f6cd8ec196ea0620cba1687bc4753a",
}
RINGS = sorted(name for name in PINNED if name.endswith(".ring"))
FORMAT = DICTIONARY_FILE.with_name("FORMAT.md").read_text()


@pytest.mark.parametrize("name", PINNED)
def test_a_golden_file_is_what_it_was(name: str) -> None:
    assert hashlib.sha256((GOLDEN / name).read_bytes()).hexdigest() == PINNED[name]


def test_every_golden_file_is_pinned() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.suffix in (".ring", ".txt")} == set(PINNED)


@pytest.mark.parametrize("name", RINGS)
def test_the_reader_finds_in_a_golden_file_what_it_always_found(name: str) -> None:
    expected = (GOLDEN / name).with_suffix(".txt").read_text()
    assert by_python((GOLDEN / name).read_bytes()).splitlines() == expected.splitlines()


def test_the_reader_in_c_finds_in_the_golden_files_what_it_always_found(tmp_path: Path) -> None:
    reader = program(tmp_path)
    for name in RINGS:
        expected = (GOLDEN / name).with_suffix(".txt").read_text()
        assert by_c(reader, GOLDEN / name).splitlines() == expected.splitlines(), name


def test_golden_files_are_recordings() -> None:
    (plain,) = load(str(GOLDEN / "v1-plain.ring"))
    assert (len(plain.boots), plain.missing, plain.undecodable, plain.clean_stop) == (1, 0, 0, True)
    (boots,) = load(str(GOLDEN / "v1-boots.ring"))
    assert (len(boots.boots), boots.missing, boots.undecodable, boots.boots[0].recovered) == (2, 1, 0, 1)
    (unknown,) = load(str(GOLDEN / "v1-unknown.ring"))
    assert (unknown.missing, unknown.undecodable) == (1, 3)


def test_a_golden_file_of_a_newer_version_gets_one_clear_line() -> None:
    with pytest.raises(LoadError, match=r"newer lastgasp \(ring format 2; this one reads 1\): upgrade$"):
        load(str(GOLDEN / "v2-newer.ring"))


def test_the_dictionary_is_the_file_beside_the_format_and_of_the_size_and_crc_given_there() -> None:
    data = DICTIONARY_FILE.read_bytes()
    assert data == dictionary.DICTIONARY
    assert f"CRC-32 {zlib.crc32(data):08x} in hexadecimal, {len(data):,} bytes" in FORMAT


# -- names -------------------------------------------------------------------------------------------------

COLUMNS = {
    "pressure": (b"some_us", b"full_us"),
    "stat": stat.COLUMNS,
    "loadavg": loadavg.COLUMNS,
    "buddyinfo": (b"order0",),  # and so on
    "zoneinfo": zoneinfo.COLUMNS,
    "diskstats": diskstats.COLUMNS,
    "net_dev": net_dev.COLUMNS,
    "sockstat": sockstat.COLUMNS,
    "zram": zram.COLUMNS,
    "dmabuf": dmabuf.COLUMNS,
    "slabinfo": slabinfo.COLUMNS,
    "cgroup": cgroup.COLUMNS,
    "process": processes.COLUMNS,
    "process.details": processes.DETAILS,
    "mappings": mappings.READING,
    "mapping": pid_smaps.COLUMNS,
    "recorder": agent.OWN,
}
OF_THE_KERNEL = {"meminfo", "meminfo.slow", "vmstat", "vmstat.slow"}  # their columns are not listed
SOURCE = "".join(path.read_text() for path in sorted(Path(lastgasp.recorder.__file__).parent.glob("*.py")))


def listed(section: str) -> dict[str, set[str]]:
    """A table of FORMAT.md: what the first column names, with all that is named behind it."""
    text = FORMAT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            first, rest = line[2:].split(" | ", 1)
            for name in re.findall("`(.*?)`", first):
                found[name] = set(re.findall("`(.*?)`", rest))
    return found


def test_every_table_and_column_that_the_agent_writes_is_in_the_format() -> None:
    written = set(re.findall(r'\b(?:table|Counted)\(\s*b"([a-z._]+)"', SOURCE))
    tables = listed("Tables")
    assert written == set(COLUMNS) | OF_THE_KERNEL
    assert written == set(tables)
    for table, columns in COLUMNS.items():
        assert {column.decode() for column in columns} <= tables[table], table


def test_every_event_that_the_agent_writes_is_in_the_format() -> None:
    calls = re.findall(r'\.event\([^\[]*?\bb"([a-z.]+)", (.*)', SOURCE)
    written = {kind: set(re.findall(r'\(b"([a-z]+)", ', values)) for kind, values in calls}
    assert {"start", "stop", "mark", "clock", "config"} <= set(written), "this test finds them"
    for kind in re.findall(r'\btell\(\w+, b"([a-z.]+)"', SOURCE):
        written[kind] = {"name", "text"}
    events = listed("Events")
    assert set(written) == set(events)
    for kind, names in written.items():
        assert names <= events[kind], kind
    identity = (Path(lastgasp.recorder.__file__).parent / "identity.py").read_text()
    names = set(re.findall(r'\(b"(\w+)", ', identity)) | {
        f"{prefix}*" for prefix in re.findall(r'\(b"(\w+\.)" \+ name', identity)
    }
    assert {"agent", "kernel", "os.*", "vm.*"} <= names <= events["machine"]


def test_every_attribute_that_the_agent_writes_is_in_the_format() -> None:
    source = (Path(lastgasp.recorder.__file__).parent / "processes.py").read_text()
    written = set(re.findall(r'[\[(]\(b"([a-z_]+)", ', source))
    assert {"ppid", "exe", "exit_code", "untracked"} <= written, "this test finds them"
    text = FORMAT.split("### 4 END")[1].split("### 5")[0] + FORMAT.split("Attributes of a process:")[1].split("## ")[0]
    assert written <= set(re.findall("`([a-z_]+)`", text))
