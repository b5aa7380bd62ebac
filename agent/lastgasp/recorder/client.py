"""What ``lastgasp-agent`` does beside recording: short-lived, talks to the running agent or reads its ring."""

from __future__ import annotations

import posix
import sys

from lastgasp.recorder import complain, config_file
from lastgasp.recorder.ask import NoAgent, ask
from lastgasp.recorder.requests import MARK_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

PIECE = 65536


def main(command: str, words: list[str], config_path: str | None) -> int:
    """Run one of the commands; returns the exit status."""
    try:
        config = config_file.find(config_path)
    except config_file.ConfigError as error:
        return complain(str(error), 2)
    try:
        if command == "status" and words in ([], ["--json"]):
            return status(config, bool(words))
        if command == "mark" and len(words) == 1:
            if len(words[0].encode("utf-8", "surrogateescape")) > MARK_LIMIT:
                return complain(f"a mark has {MARK_LIMIT} bytes at most", 2)
            return simple(config, "mark " + " ".join(words[0].split("\n")))
        if command == "flush" and not words:
            return simple(config, "flush")
        if command == "dump" and (not words or (len(words) == 2 and words[0] == "--ring")):
            return dump(config, words[1] if words else config.ring_path)
        if command == "tune" and len(words) == 1 and words[0] in ("--show", "--dry-run", "--apply", "--revert"):
            from lastgasp.recorder import tune_command

            return tune_command.main(words[0], config)
        if command == "selftest" and not words:
            from lastgasp.recorder import selftest

            return selftest.main(config)
    except NoAgent as error:
        return complain(str(error), 3)
    if command == "tune":
        return complain("tune takes one of --show, --dry-run, --apply, --revert; see --help", 2)
    if command == "mark":
        return complain('a mark is one text, in quotes: lastgasp-agent mark "test 7"', 2)
    return complain(f"no such command, or not with these words: {' '.join([command, *words])!r}; see --help", 2)


def simple(config: Config, request: str) -> int:
    """A request that is answered by "ok" or "error …"."""
    answer = ask(config, request).strip()
    if answer == "ok":
        return 0
    return complain(answer.removeprefix("error ") or "the agent gave no answer", 1)


def status(config: Config, as_json: bool) -> int:
    """Print what the agent says of itself."""
    answer = ask(config, "status json" if as_json else "status")
    sys.stdout.write(answer)
    return 0 if answer else 1


def dump(config: Config, path: str) -> int:
    """The ring's bytes to standard output, after a flush if an agent is running."""
    if sys.stdout.isatty():
        return complain("a ring is no text; redirect it: lastgasp-agent dump > ring.lgr", 2)
    if path == config.ring_path:
        try:
            ask(config, "flush")
        except NoAgent:
            pass  # what is on flash is all there is
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            left = posix.lseek(fd, 0, 2)
            left = min(left, config.ring_size) if posix.fstat(fd).st_mode & 0o170000 == 0o060000 else left
            posix.lseek(fd, 0, 0)
            while left > 0:
                piece = posix.read(fd, min(PIECE, left))
                if not piece:
                    break
                left -= len(piece)
                sys.stdout.buffer.write(piece)
        finally:
            posix.close(fd)
        sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except OSError as error:
        return complain(f"{path}: {error.strerror}; is this where the agent keeps its ring (ring_path)?", 1)
    return 0
