"""``lastgasp-agent``: the command on the device.

``run`` is the agent itself; everything else is a short-lived client of it or of its ring. No argparse here: it
would cost the agent 1.3 MB.
"""

import posix
import sys

from lastgasp.recorder import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.dont_write_bytecode = True  # that would be a write to flash
    config = None
    if "--config" in words:
        at = words.index("--config")
        if at + 1 == len(words):
            return complain("--config needs a file", 2)
        config = words[at + 1]
        del words[at : at + 2]
    command = words[0] if words else "help"
    if command == "help" or "--help" in words or "-h" in words:
        from lastgasp.recorder.usage import HELP

        sys.stdout.write(HELP)
        return 0 if words else 2
    if command in ("version", "--version"):
        from lastgasp import __version__

        sys.stdout.write(f"lastgasp-agent {__version__}\n")
        return 0
    if command == "run":
        others = [word for word in words[1:] if word != "--wait"]
        if others:
            return complain(f"run takes no {others[0]!r}; see --help", 2)
        try:
            return run(config, "--wait" in words)
        except ImportError as error:
            return complain(f"{error}; install lastgasp again", 1)
    from lastgasp.recorder import client

    return client.main(command, words[1:], config)


def run(path: str | None, wait: bool = False) -> int:
    """The agent in the foreground, until it is told to stop; with ``wait`` the ring's place may come later."""
    from lastgasp.recorder import once

    def reload() -> "Config":
        with once.borrowed("recorder.config_file") as files:
            found: Config = files.find(path)
            return found

    with once.borrowed("recorder.config_file") as files:
        try:
            config = files.find(path)
        except files.ConfigError as error:
            return complain(str(error), 2)
    from lastgasp.recorder import agent, clocks

    notify = None
    if b"NOTIFY_SOCKET" in posix.environ:
        notify = once.load("recorder.notify").Notify(posix.environ)
    with once.borrowed("recorder.ring_file") as opener:
        try:
            if wait:
                with once.borrowed("recorder.late_ring") as late:
                    ring = late.open_ring(opener, config, notify)
            else:
                ring = opener.open_ring(config, clocks.read_boot_id(b"/"))
        except opener.RingError as error:
            return complain(str(error), 1)
    for note in ring.notes:
        complain(note, 0)
    with once.borrowed("recorder.protect") as protect:
        protect.set_name()
        adj_errno = protect.set_oom_score_adj(config.oom_score_adj)
        if adj_errno:
            ring.notes.append(
                f"oom_score_adj {config.oom_score_adj} was refused (errno {adj_errno}): that takes CAP_SYS_RESOURCE"
            )
        if config.lock_memory and protect.lock_memory():
            ring.notes.append("memory could not be locked: samples may be late when memory is short")
    made = agent.Agent(config, ring, reload)
    made.notify = notify
    if config.tune:
        try:
            with once.borrowed("recorder.requests") as requests:
                requests.tuner(made).on(config.tune)
        except ImportError as error:
            ring.notes.append(f"no process is tuned: {error}")
    made.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
