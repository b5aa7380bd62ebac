"""Pull over SSH, with a real OpenSSH server and the real ssh(1)."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_blocks import block
from sshd import Sshd, agent_in, missing

from lastgasp.pull.wires import WireError
from lastgasp.pull.wires.ssh import Ssh
from lastgasp.ring.format import FLAG_KEY
from lastgasp.ring.scan import scan

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))
RECORDING = Path(__file__).parents[1] / "recordings" / "armhf-6.1-protected-leaker.ring.gz"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    agent_in(folder / "device")
    started = Sshd(folder, folder / "device")
    yield started
    started.close()


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring"
    path.write_bytes(gzip.decompress(RECORDING.read_bytes()))
    return path


def pull(server: Sshd, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lastgasp.cli.main", "pull", *words],
        env={**os.environ, "PATH": f"{server.bin}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


def versions(path: Path) -> set[tuple[int, int]]:
    """Number and write of the newest version of each block."""
    with path.open("rb") as file:
        newest: dict[int, int] = {}
        for block in scan(file).blocks:
            newest[block.number] = max(newest.get(block.number, 0), block.write_number)
    return set(newest.items())


@pytest.mark.parametrize("way", [(), ("--without-agent",)])
def test_all_of_a_ring_is_pulled_and_then_nothing_is_new(
    server: Sshd, ring: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    target, words = f"127.0.0.1:{server.port}", ["--ring", str(ring), "-o", str(tmp_path / "kept"), "--json", *way]
    first = pull(server, target, *words)
    assert (first.returncode, first.stderr) == (0, "")
    (device,) = json.loads(first.stdout)["devices"]
    (file,) = device["files"]
    assert versions(Path(file)) == versions(ring)
    assert device["new_blocks"] == len(versions(ring)) > 1
    assert device["with_agent"] == (way == ())
    second = pull(server, target, *words)
    (device,) = json.loads(second.stdout)["devices"]
    assert (second.returncode, device["new_blocks"], device["files"]) == (0, 0, [file])
    assert ring.read_bytes() == gzip.decompress(RECORDING.read_bytes()), "a ring is only read"


def test_a_path_with_a_command_in_it_is_a_path(server: Sshd, ring: Path, tmp_path: Path) -> None:
    evil = tmp_path / ("x';touch pwned;$(touch pwned)`touch pwned` \"y")
    ring.rename(evil)
    for way in ((), ("--without-agent",)):
        done = pull(server, f"127.0.0.1:{server.port}", "--ring", str(evil), "-o", str(tmp_path / "kept"), *way)
        assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("pwned"))
    assert not (Path.home() / "pwned").exists()


@pytest.mark.parametrize("host", ["-oProxyCommand=touch pwned", "a b", "", "x\ny"])
def test_what_is_no_host_name_reaches_no_ssh(host: str) -> None:
    with pytest.raises(WireError, match="is no host name"):
        Ssh(host, program="/nonexistent")


@pytest.fixture
def forced(server: Sshd) -> Iterator[Callable[[str], None]]:
    """What runs on the device in place of what is asked for."""
    key = server.folder / "user.pub"
    before = key.read_text()

    def write(command: str) -> None:
        key.write_text(f'command="{command}" {before}')

    yield write
    key.write_text(before)


def test_what_a_device_writes_on_standard_error_is_shown_harmless(
    server: Sshd, ring: Path, tmp_path: Path, forced: Callable[[str], None]
) -> None:
    forced("printf '\\033]0;owned\\007\\033[2J hello\\nno end' >&2; exec sh")
    done = pull(server, f"127.0.0.1:{server.port}", "--ring", str(ring), "-o", str(tmp_path / "kept"))
    assert done.returncode == 0
    assert "hello" in done.stderr
    assert "no end\n" in done.stderr
    assert not set(done.stderr) & {"\x1b", "\x07"}


def test_a_device_that_writes_on_standard_error_without_end_fills_nothing(
    server: Sshd, tmp_path: Path, forced: Callable[[str], None]
) -> None:
    forced("yes | head -c 20000000 >&2; echo the end >&2; exit 3")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1:{server.port}\n")
    for words in ([f"127.0.0.1:{server.port}"], ["--hosts", str(hosts)]):
        done = pull(server, *words, "-o", str(tmp_path / "kept"))
        assert done.returncode == 1
        assert "ssh ended with status 3" in done.stdout + done.stderr
        assert len(done.stdout + done.stderr) < 5000
    assert "the end" in done.stdout


def test_what_the_users_configuration_wants_besides_is_left_out(server: Sshd, ring: Path, tmp_path: Path) -> None:
    configuration = server.folder / "ssh_config"
    before = configuration.read_text()
    # Forwarding to a port that is taken, with ExitOnForwardFailure, ends ssh.
    besides = f" RemoteCommand echo no shell\n LocalForward {server.port} 127.0.0.1:9\n ExitOnForwardFailure yes\n"
    configuration.write_text(before + besides)
    try:
        done = pull(server, f"127.0.0.1:{server.port}", "--ring", str(ring), "-o", str(tmp_path / "kept"))
    finally:
        configuration.write_text(before)
    assert (done.returncode, done.stderr) == (0, "")


def test_how_long_a_connection_may_take_is_the_users_to_say(tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/words\n')
    program.chmod(0o755)
    with Ssh("host", program=str(program)) as wire, pytest.raises(WireError, match="ssh ended with status 0"):
        wire.read(60)
    assert "ConnectTimeout" not in (tmp_path / "words").read_text()


def test_what_ssh_says_of_a_host_that_changed_is_shown_and_its_status(server: Sshd, tmp_path: Path) -> None:
    known = server.folder / "known"
    before = known.read_text()
    other = (server.folder / "user.pub").read_text().split()[:2]
    known.write_text(f"[127.0.0.1]:{server.port} {' '.join(other)}\n")
    try:
        done = pull(server, f"127.0.0.1:{server.port}", "-o", str(tmp_path))
    finally:
        known.write_text(before)
    assert done.returncode == 1
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr, "as ssh explains it"
    assert done.stderr.splitlines()[-1] == "lastgasp: 127.0.0.1: ssh ended with status 255 (its own failure)"


def test_of_a_bench_the_ones_that_fail_are_named_and_the_others_kept(server: Sshd, ring: Path, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1:{server.port}  # the first\n\n127.0.0.1:1\nunix:{tmp_path}/none\n")
    words = ["--ring", str(ring), "-o", str(tmp_path / "kept")]
    done = pull(server, "--hosts", str(hosts), *words)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Pulled from 1 of 3 devices: ")
    assert sum(line.startswith("  failed  ") for line in lines) == 2
    assert len(list((tmp_path / "kept").glob("*/*.lgr"))) == 1
    assert "Connection refused" in done.stdout


def test_a_device_that_has_no_ring_says_so(server: Sshd, tmp_path: Path) -> None:
    for way, words in ((), "No such file"), (("--without-agent",), "holds no recording"):
        done = pull(server, f"127.0.0.1:{server.port}", "--ring", "/nonexistent/ring", "-o", str(tmp_path), *way)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert words in done.stderr


def test_only_the_last_of_it_and_back_to_where_decoding_can_begin(server: Sshd, tmp_path: Path) -> None:
    """A ring of 32 slots that came round: 40 blocks of a minute each, every fourth one a key block."""
    ring = tmp_path / "ring"
    blocks = [block(n, n, flags=FLAG_KEY if n % 4 == 0 else 0, uptime_s=60 * n, slots=32) for n in range(40)]
    ring.write_bytes(b"".join(one.data for one in blocks[32:] + blocks[8:32]))
    for way in ((), ("--without-agent",)):
        folder = tmp_path / f"kept{len(way)}"
        words = ["--ring", str(ring), "--last", "10m", "-o", str(folder), "--json", *way]
        (device,) = json.loads(pull(server, f"127.0.0.1:{server.port}", *words).stdout)["devices"]
        # Ten minutes before the last block began; block 29 is one of them and needs 28.
        assert versions(Path(device["files"][0])) == {(n, n) for n in range(28, 40)}
        del words[2:4]
        (device,) = json.loads(pull(server, f"127.0.0.1:{server.port}", *words).stdout)["devices"]
        assert versions(Path(device["files"][0])) == {(n, n) for n in range(8, 40)}, "what is older, later"
        assert device["new_blocks"] == 20


def test_nothing_is_taken_off_a_device_without_a_yes_and_then_only_what_is_here(server: Sshd, tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    blocks = [block(n, n, flags=FLAG_KEY, uptime_s=60 * n, slots=32) for n in range(60)]
    before = b"".join(one.data for one in blocks[32:] + blocks[28:32])
    ring.write_bytes(before)
    words = ["--ring", str(ring), "-o", str(tmp_path / "kept"), "--clear"]
    refused = pull(server, f"127.0.0.1:{server.port}", *words)
    assert (refused.returncode, ring.read_bytes()) == (1, before)
    assert "say --yes" in refused.stderr
    plain = pull(server, f"127.0.0.1:{server.port}", *words, "--yes", "--without-agent")
    assert (plain.returncode, ring.read_bytes()) == (2, before)
    done = pull(server, f"127.0.0.1:{server.port}", *words, "--yes")
    assert done.returncode == 0, done.stderr
    assert versions(next(tmp_path.glob("kept/*/*.lgr"))) == {(n, n) for n in range(28, 60)}
    # The newest block stays, and the slots around it, which an agent may be writing to.
    assert versions(ring) == {(n, n) for n in (*range(51, 60), *range(28, 36))}
    again = pull(server, f"127.0.0.1:{server.port}", *words[:4])
    assert again.stdout.startswith("Nothing is new"), again.stdout
