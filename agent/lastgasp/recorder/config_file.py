"""lastgasp.conf: ``key = value`` lines into a ``Config``.

Loaded only while a file is read. Every mistake is one ``ConfigError`` whose text names file, line, key and what
would be allowed.
"""

import posix

from lastgasp.recorder.config import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

USUAL = "/etc/lastgasp.conf"
SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
TIME_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


class ConfigError(Exception):
    """The file cannot be used; str() is the line to show."""


def size(text: str) -> int:
    """Bytes of "4M", "512k", "65536"."""
    number, unit = _split(text)
    return int(number * SIZE_UNITS[unit.lower().removesuffix("ib").removesuffix("b")])


def duration(text: str) -> int:
    """Milliseconds of "5s", "200ms", "15m", "1h"."""
    number, unit = _split(text)
    return int(number * TIME_UNITS[unit.lower()])


def percent(text: str) -> int:
    """Thousandths of "10%", "2.5%"."""
    number, unit = _split(text)
    return int(number * {"%": 10, "": 10}[unit])


def switch(text: str) -> bool:
    """Yes or no."""
    return {"yes": True, "no": False, "on": True, "off": False, "true": True, "false": False}[text.lower()]


def _split(text: str) -> tuple[float, str]:
    digits = 0
    while digits < len(text) and text[digits] in "0123456789.":
        digits += 1
    return float(text[:digits]), text[digits:].strip()


def growth(text: str) -> tuple[tuple[bytes, int], ...]:
    """Names with bytes an hour: "sensord 512k/h, httpd 2M/h"."""
    found = []
    for part in text.split(","):
        if part.strip():
            name, _, rate = part.strip().rpartition(" ")
            if not name or not rate.endswith("/h"):
                raise ValueError
            found.append((name.strip().encode(), size(rate[:-2])))
    return tuple(found)


def tune(text: str) -> tuple[tuple[bytes, int], ...]:
    """Patterns with an oom_score_adj each: "sensord -900, /usr/bin/httpd* 300"."""
    found = []
    for part in text.split(","):
        if part.strip():
            pattern, adj = part.strip().rsplit(None, 1)
            found.append((pattern.encode("utf-8", "surrogateescape"), _range(int, -1000, 1000)(adj)))
    if len(found) > RULES or any(len(pattern) > PATTERN_LIMIT for pattern, _ in found):
        raise ValueError
    return tuple(found)


def _range(read: "Callable[[str], int]", low: int, high: int) -> "Callable[[str], int]":
    def checked(text: str) -> int:
        value = read(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return checked


def _adj(text: str) -> int | None:
    return None if text.lower() == "keep" else _range(int, -1000, 1000)(text)


def _block_size(text: str) -> int:
    value = size(text)
    if value not in (4096, 8192, 16384, 32768):
        raise ValueError
    return value


def _level(text: str) -> int:
    return -1 if text.lower() == "off" else _range(int, 0, 7)(text)


def _path(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise ValueError
    return text


def _path_or_none(text: str) -> str:
    return "" if text.lower() == "none" else _path(text)


DAY = 86_400_000
LIMIT = 65536  # of a whole file
RULES = 32
PATTERN_LIMIT = 128

# key: how to read it, what to say is allowed
KEYS: "dict[str, tuple[Callable[[str], object], str]]" = {
    "ring_path": (_path, "an absolute path to a file or a block device"),
    "ring_mount": (_path_or_none, "an absolute path to a mount point, or none"),
    "ring_size": (_range(size, 128 * 1024, 1 << 30), "128k to 1G"),
    "block_size": (_block_size, "4k, 8k, 16k or 32k"),
    "interval": (_range(duration, 100, DAY), "100ms to 1d, with its unit"),
    "pressure_interval": (_range(duration, 100, DAY), "100ms to 1d, with its unit"),
    "slow_interval": (_range(duration, 1000, DAY), "1s to 1d, with its unit"),
    "flush_interval": (_range(duration, 1000, DAY), "1s to 1d, with its unit"),
    "flash_budget": (_range(size, 0, 1 << 40), "bytes a day, such as 16M; 0 to write full blocks only"),
    "flash_cycles": (_range(int, 1, 10_000_000), "1 to 10000000"),
    "flash_size": (_range(size, 0, 1 << 50), "a size such as 512M, or 0 to ask the file system"),
    "write_amplification": (_range(lambda text: int(float(text) * 1000), 1000, 1_000_000), "1 to 1000, such as 1.6"),
    "pmsg": (switch, "yes or no"),
    "processes": (_range(int, 16, 65536), "16 to 65536"),
    "command_line": (_range(int, 0, 2048), "0 to 2048 bytes"),
    "mappings": (switch, "yes or no"),
    "mapping_interval": (_range(duration, 1000, DAY), "1s to 1d, with its unit"),
    "mapping_budget": (_range(duration, 1, 10_000), "1ms to 10s, with its unit"),
    "pressure_available": (_range(percent, 0, 1000), "0% to 100% of RAM"),
    "pressure_stall": (_range(percent, 0, 1000), "0% to 100% of time"),
    "kernel_log_level": (_level, "0 to 7, or off"),
    "oom_score_adj": (_adj, "-1000 to 1000, or keep"),
    "lock_memory": (switch, "yes or no"),
    "tune": (tune, "up to 32 names or paths with -1000 to 1000 each, such as: sensord -900, /usr/bin/httpd* 300"),
    "control_socket": (_path_or_none, "an absolute path, or none"),
    "alert_available": (_range(percent, 0, 1000), "0% (never) to 100% of RAM"),
    "alert_stall": (_range(percent, 0, 1000), "0% (never) to 100% of time"),
    "alert_growth": (growth, "names with a rate each, such as: sensord 512k/h, httpd 2M/h"),
    "alert_syslog": (switch, "yes or no"),
    "alert_console": (switch, "yes or no"),
}


def parse(text: str, name: str) -> Config:
    """A whole file. Raises ConfigError, naming ``name`` and the line."""
    config = Config()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals:
            raise ConfigError(f"{name}:{number}: not a setting: {line!r}; write: key = value")
        if key not in KEYS:
            raise ConfigError(f"{name}:{number}: unknown key {key!r}; known: {', '.join(sorted(KEYS))}")
        read, allowed = KEYS[key]
        try:
            setattr(config, key, read(value))
        except (ValueError, KeyError, OverflowError):
            raise ConfigError(f"{name}:{number}: {key} = {value!r} will not do; allowed: {allowed}") from None
    if config.ring_size < 32 * config.block_size:
        raise ConfigError(f"{name}: ring_size must be at least 32 times block_size")
    return config


def load(path: str) -> Config:
    """Read and parse a file. Raises ConfigError, also when it cannot be read."""
    try:
        with open(path, "rb") as file:  # a text file would need codecs, which a device's agent does without
            text = file.read(LIMIT + 1).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; leave --config out to run on the defaults") from None
    if len(text) > LIMIT:
        raise ConfigError(f"{path}: more than {LIMIT} bytes, this is no configuration")
    return parse(text.removeprefix("\ufeff"), path)  # some editors begin a file with a byte order mark


def find(path: str | None) -> Config:
    """The configuration at ``path``, or at its usual place, or the defaults. Raises ConfigError."""
    if path is None:
        try:
            posix.stat(USUAL)
        except OSError:
            return Config()
    return load(USUAL if path is None else path)
