"""What ``lastgasp-agent`` does beside recording: short-lived, talks to the running agent or reads its ring."""

from __future__ import annotations

import sys

from lastgasp.recorder import complain, config_file
from lastgasp.recorder.ask import NoAgent, ask
from lastgasp.recorder.requests import MARK_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config


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
        if command == "dump" and "--follow" in words:
            from lastgasp.recorder import follow

            return follow.main(config, [word for word in words if word != "--follow"])
        if command == "dump":
            from lastgasp.recorder import dump

            return dump.main(config, words)
        if command == "clear":
            from lastgasp.recorder import clear

            return clear.main(config, words)
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
