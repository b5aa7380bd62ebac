"""Which programs are recorded, and how each is started. What is true of them stands in the tables of ``labels``.

Each is called by its label, and gets a memory control group of that name. Paths are those of the namespace: HOME is
a folder on a real disk, HOME/tmp a tmpfs. All take less than 64 MB each.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

HOME = "/srv/real"
BIN = f"{HOME}/bin"
PYTHON = "/usr/bin/python3"
NGINX = f"""\
user root;
worker_processes 2;
daemon off;
pid {HOME}/nginx.pid;
error_log {HOME}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {HOME}/nginx-body;
    proxy_temp_path {HOME}/nginx-proxy;
    fastcgi_temp_path {HOME}/nginx-fastcgi;
    uwsgi_temp_path {HOME}/nginx-uwsgi;
    scgi_temp_path {HOME}/nginx-scgi;
    server {{ listen 127.0.0.1:8080; root {HOME}/pages; gzip on; gzip_min_length 1; }}
}}
"""
GROW = "grow"
HOLDERS = "holders"
SERVER = "server"
REDIS = "/usr/bin/redis-server"


@dataclass(frozen=True, slots=True)
class Part:
    """One program."""

    label: str
    command: tuple[str, ...]  # the first word is a path
    source: str = ""  # the program that the first word is a copy of: one of ours, or a path; empty: it is there
    limit: int | None = None  # of its group, bytes
    group: str = ""  # empty: one called as it is


def _grow(label: str, *plan: str, limit: int | None = None, group: str = "") -> Part:
    return Part(label, (f"{BIN}/{label}", *plan), GROW, limit, group)


def _holder(label: str, *words: str, limit: int | None = None) -> Part:
    return Part(label, (f"{BIN}/{label}", *words), HOLDERS, limit)


def _server(label: str, port: int, behaviour: str) -> Part:
    return Part(label, (f"{BIN}/{label}", str(port), behaviour), SERVER)


def _redis(label: str, port: int, save: str, *more: str) -> Part:
    options = ("--port", str(port), "--bind", "127.0.0.1", "--dir", f"{HOME}/data", "--dbfilename", f"{label}.rdb")
    return Part(label, (f"{BIN}/{label}", *options, "--save", save, *more), REDIS)


def _daemon(label: str, port: int) -> Part:
    return Part(label, (PYTHON, f"{BIN}/{label}.py", str(port)))


SHAPES: tuple[Part, ...] = (
    _redis("redis-lru", 7001, "", "--maxmemory", "16mb", "--maxmemory-policy", "allkeys-lru"),
    _redis("redis-forever", 7002, ""),
    _redis("redis-steady", 7003, "120 1"),
    Part("nginx", ("/usr/sbin/nginx", "-c", f"{HOME}/nginx.conf")),
    Part("sqlite", ("/bin/sh", "-c", f"{PYTHON} {BIN}/feed.py | /usr/bin/sqlite3 {HOME}/data/batch.db >/dev/null")),
    Part("stress-hold", ("/usr/bin/stress-ng", "--vm", "1", "--vm-bytes", "12M", "--vm-keep", "--vm-hang", "0")),
    Part("stress-map", ("/usr/bin/stress-ng", "--vm", "1", "--vm-bytes", "10M", "--vm-hang", "13")),
    Part("short-lived", ("/bin/sh", "-c", "while :; do /bin/ls /usr/bin >/dev/null; sleep 3; done")),
    _daemon("leaky-api", 8003),
    _daemon("cached-api", 8004),
    _daemon("cycles-api", 8005),
    _server("historyd", 8001, "leak"),
    _server("notesd", 8002, "arena"),
    _server("sessiond", 8006, "sessions"),
    _grow("heap-leak", "base=2M", "leak=8k"),
    _grow("slow-leak", "base=4M", "leak=700"),
    _grow("map-leak", "base=1M", "leak=9k", "map=1"),
    _grow("request-leak", "base=2M", "leak=7k", "poisson=3k", "seed=3"),
    _grow("late-leak", "base=3M", "leak=12k", "from=900"),
    _grow("tooth-leak", "base=1M", "leak=6k", "tooth=4M", "every=35"),
    _grow("stair-leak", "base=2M", "leak=8k", "stairs=75"),
    _grow("warm-up", "base=1M", "warm=12M", "over=200"),
    _grow("step", "base=2M", "step=8M", "at=1250"),
    _grow("sawtooth", "base=1M", "tooth=9M", "every=48"),
    _holder("file-leak", "files", "2.5"),
    _holder("thread-leak", "threads", "7"),
    _holder("tmpfs-leak", "tmpfs", "9000", f"{HOME}/tmp/spool"),
    _holder("fork-server", "forks", "4", "300"),
)
# Programs that are well known and do not leak, and those of ours that do not.
SOUND: tuple[Part, ...] = (
    *(
        part
        for part in SHAPES
        if "leak" not in part.label and part.label not in ("redis-forever", "historyd", "notesd")
    ),
    _redis("redis-expire", 7004, "300 1"),
    Part("http-server", (PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "--directory", f"{HOME}/pages", "8081")),
    Part("perl-cache", ("/usr/bin/perl", f"{BIN}/cache.pl")),
)
# Kind, port, requests a second (see load.py).
LOAD: tuple[tuple[str, int, float], ...] = (
    ("new", 7001, 80),
    ("new", 7002, 15),
    ("set", 7003, 50),
    ("get", 7003, 30),
    ("http", 8080, 40),
    ("line", 8001, 12),
    ("line", 8002, 6),
    ("line", 8003, 4),
    ("line", 8004, 12),
    ("line", 8005, 12),
    ("session", 8006, 110),
)
SOUND_LOAD: tuple[tuple[str, int, float], ...] = (
    *(one for one in LOAD if one[1] not in (7002, 8001, 8002, 8003)),
    ("expire", 7004, 25),
    ("once", 8081, 6),
)


def clients(load: tuple[tuple[str, int, float], ...]) -> Part:
    """Who asks the servers."""
    return Part("load", (PYTHON, f"{BIN}/load.py", *(str(word) for one in load for word in one)))


MB = 1 << 20
# Leaks that end at their group's limit, in two to six minutes; kills() varies them.
KILLS: tuple[Part, ...] = (
    _grow("constant", "base=3M", "leak=120k", limit=24 * MB),
    _grow("constant-slow", "base=2M", "leak=40k", limit=14 * MB),
    _grow("mapped", "base=2M", "leak=100k", "map=1", limit=28 * MB),
    _grow("requests", "base=3M", "leak=90k", "poisson=40k", limit=26 * MB),
    _grow("toothed", "base=2M", "leak=70k", "tooth=4M", "every=11", limit=26 * MB),
    _grow("warmed", "base=1M", "warm=8M", "over=25", "leak=80k", limit=30 * MB),
    _grow("stairs", "base=2M", "leak=90k", "stairs=8", limit=24 * MB),
    _grow("cached", "base=2M", "leak=80k", "file=300k", f"log={HOME}/data/cached", limit=26 * MB),
    _grow("two-leaks", "base=2M", "leak=60k", limit=32 * MB, group="two"),
    _grow("two-steady", "base=6M", "tooth=2M", "every=9", group="two"),
    _grow("late", "base=4M", "leak=160k", "from=90", limit=24 * MB),
    _grow("faster", "base=2M", "leak=30k", "faster=2", limit=26 * MB),
    _grow("paused", "base=2M", "leak=200k", "for=8", "each=20", limit=24 * MB),
    _grow("waving", "base=2M", "leak=70k", "wave=5M", "per=40", limit=28 * MB),
    _holder("spooled", "tmpfs", "90000", f"{HOME}/tmp/spool", limit=20 * MB),
    _holder("spawned", "processes", "1.5", "200000", limit=24 * MB),
    _holder("threaded", "threads", "0.2", limit=24 * MB),
    replace(_redis("redis", 7001, ""), limit=24 * MB),
    replace(_daemon("leaky-api", 8003), limit=26 * MB),
    replace(_server("historyd", 8001, "leak"), limit=20 * MB),
)
KILLS_LOAD: tuple[tuple[str, int, float], ...] = (("new", 7001, 170), ("line", 8003, 40), ("line", 8001, 90))
VARIED = ("leak", "poisson", "tooth", "every", "stairs", "warm", "over", "from", "for", "each", "wave", "per")


def kills(seed: int) -> tuple[Part, ...]:
    """The leaks up to a kill: for seed 0 as they are, else with rates, teeth and stairs that are up to a third off."""
    if not seed:
        return KILLS
    chance = random.Random(seed)

    def varied(part: Part) -> Part:
        if part.source != GROW:
            return part
        words = [part.command[0], f"seed={seed}"]
        for word in part.command[1:]:
            name, _, value = word.partition("=")
            unit = value.lstrip("0123456789.")
            if name in VARIED:
                value = f"{float(value.removesuffix(unit)) * chance.uniform(0.67, 1.33):.2f}{unit}"
            words.append(f"{name}={value}")
        return replace(part, command=tuple(words))

    return tuple(varied(part) for part in KILLS)


@dataclass(frozen=True, slots=True)
class Play:
    """What is recorded, and how."""

    parts: tuple[Part, ...]
    settings: dict[str, str]  # of the agent


PLAYS = ("shapes", "sound", "driven", "kills")


def play(what: str, seed: int) -> Play:
    """One of PLAYS. Device settings for sound; for the others a sample each second."""
    if what == "kills":
        often = {"interval": "1s", "slow_interval": "10s", "mapping_interval": "10s", "flush_interval": "1m"}
        load = tuple((kind, port, rate * (1 + seed % 5 / 10)) for kind, port, rate in KILLS_LOAD)
        return Play((*kills(seed), clients(load)), {**often, "ring_size": "2M"})
    if what == "sound":
        return Play((*SOUND, clients(SOUND_LOAD)), {"interval": "5s", "flush_interval": "1m"})
    if what == "driven":
        parts = (_server("historyd", 8001, "leak"), _grow("sawtooth", "base=1M", "tooth=9M", "every=48"))
        settings = {"interval": "1s", "mapping_interval": "20s", "flush_interval": "1m"}
        return Play((*parts, clients((("burst", 8001, 40),))), settings)
    settings = {"interval": "1s", "slow_interval": "60s", "mapping_interval": "60s", "flush_interval": "1m"}
    return Play((*SHAPES, clients(LOAD)), {**settings, "ring_size": "8M"})
