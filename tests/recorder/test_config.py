"""lastgasp.conf: every key is documented, every mistake gets one line that says what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.recorder import config_file
from lastgasp.recorder.config import Config

SHIPPED = Path(config_file.__file__).with_name("lastgasp.conf")


def settings(config: Config) -> dict[str, object]:
    return {key: getattr(config, key) for key in config_file.KEYS}


def commented_settings() -> dict[str, str]:
    """Every "#key = value" line of the shipped file."""
    found = {}
    for line in SHIPPED.read_text().splitlines():
        key, equals, value = line.removeprefix("#").partition(" =")
        if line.startswith("#") and not line.startswith("# ") and equals:
            found[key] = value.strip()
    return found


def test_the_shipped_file_documents_every_key_and_no_other() -> None:
    assert set(commented_settings()) == set(config_file.KEYS)


def test_every_key_is_an_attribute_with_a_default() -> None:
    attributes = {name for name in vars(Config) if not name.startswith("_")}
    assert attributes == set(config_file.KEYS)


def test_the_shipped_file_as_it_is_changes_nothing() -> None:
    assert settings(config_file.load(str(SHIPPED))) == settings(Config())


def test_the_shipped_file_shows_the_defaults() -> None:
    text = "\n".join(f"{key} = {value}" for key, value in commented_settings().items())
    assert settings(config_file.parse(text, "x")) == settings(Config())


def test_values_are_read_with_their_units() -> None:
    text = """
        interval = 200ms   # comments may follow
        slow_interval=2m
        ring_size = 8 MiB
        pressure_available = 2.5%
        oom_score_adj = keep
        control_socket = none
        alert_growth = sensord 512k/h, my daemon 2M/h
        write_amplification = 2.25
        kernel_log_level = off
        lock_memory = no
        tune = sensord -900, my daemon  7 ,/usr/bin/httpd* 300,
    """
    config = config_file.parse(text, "x")
    assert (config.interval, config.slow_interval, config.ring_size) == (200, 120_000, 8 << 20)
    assert (config.pressure_available, config.oom_score_adj, config.control_socket) == (25, None, "")
    assert config.alert_growth == ((b"sensord", 512 * 1024), (b"my daemon", 2 << 20))
    assert (config.write_amplification, config.kernel_log_level, config.lock_memory) == (2250, -1, False)
    assert config.tune == ((b"sensord", -900), (b"my daemon", 7), (b"/usr/bin/httpd*", 300))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("intervall = 5s", "f:2: unknown key 'intervall'; known: alert_available, "),
        ("interval = soon", "f:2: interval = 'soon' will not do; allowed: 100ms to 1d"),
        ("interval = 5 parsecs", "f:2: interval = '5 parsecs' will not do; allowed: 100ms to 1d"),
        ("interval = 1ms", "f:2: interval = '1ms' will not do; allowed: 100ms to 1d"),
        ("interval = -5s", "f:2: interval = '-5s' will not do; allowed: 100ms to 1d"),
        ("interval =", "f:2: interval = '' will not do; allowed: 100ms to 1d"),
        ("interval", "f:2: not a setting: 'interval'; write: key = value"),
        ("ring_size = 64k", "f:2: ring_size = '64k' will not do; allowed: 128k to 1G"),
        ("ring_path = ring", "f:2: ring_path = 'ring' will not do; allowed: an absolute path"),
        ("block_size = 5000", "f:2: block_size = '5000' will not do; allowed: 4k, 8k, 16k or 32k"),
        ("pmsg = maybe", "f:2: pmsg = 'maybe' will not do; allowed: yes or no"),
        ("oom_score_adj = -2000", "f:2: oom_score_adj = '-2000' will not do; allowed: -1000 to 1000, or keep"),
        ("alert_growth = sensord", "f:2: alert_growth = 'sensord' will not do; allowed: names with a rate each"),
        (
            "tune = sensord",
            "f:2: tune = 'sensord' will not do; allowed: up to 32 names or paths with -1000 to 1000 each",
        ),
        ("tune = sensord -1001", "f:2: tune = 'sensord -1001' will not do; allowed: up to 32 names"),
        ("tune = -900", "f:2: tune = '-900' will not do; allowed: up to 32 names"),
        ("tune = " + "a 1," * 33, "f:2: tune = 'a 1,a 1,"),
        ("tune = " + "a" * 129 + " 1", "f:2: tune = 'aaaaa"),
        ("write_amplification = nan", "f:2: write_amplification = 'nan' will not do; allowed: 1 to 1000, such as 1.6"),
        ("write_amplification = -1", "f:2: write_amplification = '-1' will not do; allowed: 1 to 1000"),
        ("processes = 10**9", "f:2: processes = '10**9' will not do; allowed: 16 to 65536"),
        ("flash_budget = 1e999", "f:2: flash_budget = '1e999' will not do"),
    ],
)
def test_a_mistake_is_one_line_naming_file_line_key_and_what_is_allowed(line: str, complaint: str) -> None:
    with pytest.raises(config_file.ConfigError) as caught:
        config_file.parse(f"# first line\n{line}\n", "f")
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_a_ring_too_small_for_its_blocks_is_refused() -> None:
    with pytest.raises(config_file.ConfigError, match="at least 32 times block_size"):
        config_file.parse("ring_size = 256k\nblock_size = 32k", "f")


def test_a_file_that_cannot_be_read_says_how_to_do_without(tmp_path: Path) -> None:
    with pytest.raises(config_file.ConfigError, match=r"nothing: No such file.*leave --config out"):
        config_file.load(str(tmp_path / "nothing"))
    with pytest.raises(config_file.ConfigError, match="Is a directory"):
        config_file.load(str(tmp_path))


def test_binary_rubbish_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(config_file.ConfigError):
        config_file.load(str(path))


def test_line_ends_of_other_systems_a_byte_order_mark_and_no_last_newline_are_no_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfinterval = 7s\r\n# comment\r\nring_size = 8M")
    config = config_file.load(str(path))
    assert (config.interval, config.ring_size) == (7000, 8 << 20)


def test_a_pattern_may_have_any_bytes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"tune = caf\xff 3, caf\xc3\xa9 4\n")
    assert config_file.load(str(path)).tune == ((b"caf\xff", 3), (b"caf\xc3\xa9", 4))


@pytest.mark.parametrize("key", ["ring_path", "control_socket"])
def test_a_path_with_a_nul_is_a_mistake(key: str) -> None:
    with pytest.raises(config_file.ConfigError, match="will not do; allowed: an absolute path"):
        config_file.parse(f"{key} = /tmp/a\0b", "f")


def test_a_file_too_long_to_be_a_configuration_is_not_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("# much\n" * 9362 + "ring_size = 4M")
    with pytest.raises(config_file.ConfigError, match="more than 65536 bytes"):
        config_file.load(str(path))
