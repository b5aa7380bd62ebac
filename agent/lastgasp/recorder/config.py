"""What can be set, with its defaults. lastgasp.conf beside this file explains every key to its user.

``config_file`` reads a file into a ``Config``; the agent needs only this module while it runs.
Durations are milliseconds, sizes bytes, shares thousandths (permille).
"""


class Config:
    """Settings of one agent; attributes are the keys of lastgasp.conf."""

    ring_path = "/var/lib/lastgasp/ring"
    ring_mount = ""  # where something has to be mounted first
    ring_size = 4 * 1024 * 1024
    block_size = 4096
    interval = 5_000
    pressure_interval = 1_000
    slow_interval = 60_000
    flush_interval = 900_000
    flash_budget = 16 * 1024 * 1024  # bytes a day for writing early
    flash_cycles = 3000
    flash_size = 0  # 0: that of the file system
    write_amplification = 1600  # permille
    pmsg = True
    processes = 512
    command_line = 128
    mappings = True
    mapping_interval = 60_000
    mapping_budget = 20  # ms a target may be read for
    pressure_available = 100  # permille of MemTotal
    pressure_stall = 100  # permille of time
    kernel_log_level = 3
    oom_score_adj: int | None = -900
    lock_memory = True
    tune: tuple[tuple[bytes, int], ...] = ()  # (pattern on the name or the program's path, oom_score_adj)
    control_socket = "/run/lastgasp.sock"
    alert_available = 50  # permille of MemTotal; 0: never
    alert_stall = 300  # permille of time; 0: never
    alert_growth: tuple[tuple[bytes, int], ...] = ()  # (process name, bytes an hour)
    alert_syslog = True
    alert_console = False
