"""From an open line to a shell that answers: whoever is logged in, whatever the prompt looks like.

Contract: a shell's prompt is not recognised but asked. A shell is what answers a sum, for the answer is in no echo.
Before that, what somebody may have typed half is thrown away (Ctrl-K, Ctrl-U), never sent; Ctrl-C, which ends what runs
in the foreground, is sent only if asked for, or to what we left there ourselves. Nothing is typed at a device that
boots, which could stop its boot loader, nor at a boot loader. The password is sent only to a prompt that asks for one
at that moment, and is in no error.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

from lastgasp.pull.console import Credentials, ShellError, last_words, listener, proof
from lastgasp.pull.wires import Wire
from lastgasp.ring import frames

# What is behind the cursor, and before it; more than once, for a line that loses one of them would have the rest run.
KILL_LINE, CTRL_C, ENTER = b"\x0b\x15" * 3, b"\x03", b"\r"
LOGIN_S = 60.0  # from the first question to a shell; login(1) waits 3 s after a wrong password
ANSWER_S = 3.0  # for an answer to one question; a device that swaps takes its time
QUIET_S = 0.5  # after which nothing more is taken to come
LOGIN_ANSWER_S = 10.0  # for login(1) and the shell's start
SAID_S = 1.5  # after the last of what login(1) or the shell said, where no prompt is recognised
KEPT = 8192  # bytes that are looked at
# A prompt stands at the end, but for what the kernel writes behind it.
AT_END = rb"[ \t]*(?:$|[\r\n]*\[ *\d+\.\d+\])"
LOGIN = re.compile(rb"(?:login|user ?name):" + AT_END, re.IGNORECASE)
PASSWORD = re.compile(rb"pass(?:word|wort|wd|code|phrase)[^:\r\n]{0,60}:" + AT_END, re.IGNORECASE)
REFUSED = re.compile(rb"login incorrect|authentication failure|permission denied|access denied", re.IGNORECASE)
PROMPT = re.compile(rb"[\r\n][^\r\n]{0,80}[#$>%] ?(?:\x1b\[6n)?$")  # looks like a shell's: no need to wait for longer
# The listener of a pull that broke off, and the frames that it still sends.
ABANDONED = re.compile(rb":[0-9a-f]{8} (" + proof.WORDS + rb") again")
FRAMES = re.compile(rb"\n:(?=[^\r\n]*[g-zG-Z!#$%&*+;<=>?@^_{|}~-])[" + re.escape(frames.DIGITS + b"/") + rb"]{60,}")
CONTINUES = re.compile(rb"expr [^\r\n]*[\r\n]+> ?(?:\x1b\[6n)?$")  # the shell wants the rest of ours: it came garbled
BOOTS = re.compile(
    rb"U-Boot|autoboot|Starting kernel|Booting Linux|Linux version \d|Rebooting in|reboot: |barebox \d|Uncompressing L"
)
FIRST_S = 0.8  # before anything is typed
BOOT_S, SETTLED_S = 120.0, 8.0  # a boot lasts so long at most; a console that is quiet for so long does not boot
BOOT_LOADER = re.compile(rb"[\r\n](?:=>|U-Boot>|barebox\S* ?\S*|[A-Za-z0-9_-]{1,12} ?#>) ?$")


def reach(
    wire: Wire, credentials: Credentials, interrupt: bool = False, entered: Callable[[], None] = lambda: None
) -> bool:
    """Until a shell answers; returns whether we had to log in. Raises ShellError, WireError.

    ``entered`` is called when all that was asked for is said: from then on somebody has to log out.
    """
    heard, said_name, password = settled(wire), False, b""
    until = time.monotonic() + LOGIN_S
    if interrupt:
        wire.write(CTRL_C)
        listen(wire, QUIET_S, quiet_s=QUIET_S)
    while time.monotonic() < until:
        wire.write(KILL_LINE + ENTER)
        seen = listen(wire, ANSWER_S, lambda text: LOGIN.search(text) or FRAMES.search(text), QUIET_S)
        if LOGIN.search(seen):
            if credentials.login is None:
                raise ShellError(f"{wire.name}: the device asks for a login: say who with --login")
            if password:
                raise _refused(wire, credentials)
            wire.write(credentials.login.encode() + ENTER)
            said_name = True
            seen = _answer(wire, PASSWORD, credentials.login.encode())
            if PASSWORD.search(seen):
                password = credentials.password() + ENTER  # a person may take a minute, and login(1) give up meanwhile
                while came := wire.read(0):
                    seen = (seen + came)[-KEPT:]
                if not PASSWORD.search(seen):
                    password = b""
                    continue
                wire.write(password)
                entered()
                seen = _answer(wire, REFUSED)
                if REFUSED.search(seen):
                    raise _refused(wire, credentials)
                seen = b""  # the device may have echoed it, or what it took it for
            else:
                entered()
        elif PASSWORD.search(seen):  # somebody's login, half done: nothing was sent, so it starts over
            listen(wire, LOGIN_ANSWER_S, LOGIN.search)
            continue
        elif FRAMES.search(seen):
            wire.write(CTRL_C)
            listen(wire, QUIET_S, quiet_s=QUIET_S)
        elif abandoned := ABANDONED.search(seen):
            kind = proof.kind(abandoned[1]) or proof.LENGTH
            wire.write(CTRL_C + KILL_LINE + listener.command_line(0, listener.BYE, kind))  # Ctrl-C may be ignored there
            listen(wire, QUIET_S, quiet_s=QUIET_S)
        heard = (heard + _without(password, seen))[-KEPT:]
        if BOOT_LOADER.search(heard):
            break
        answered, seen = _asked(wire)
        if answered:
            return said_name
        heard = (heard + _without(password, seen))[-KEPT:]
        if CONTINUES.search(seen):
            wire.write(CTRL_C)
            listen(wire, QUIET_S, quiet_s=QUIET_S)
    if password and not heard:
        raise ShellError(f"{wire.name}: the device took a password, and no shell answers since")
    raise ShellError(f"{wire.name}: {_why(heard)}")


def _without(password: bytes, seen: bytes) -> bytes:
    """What was heard, the echo of a password cut out."""
    word = password.removesuffix(ENTER)
    return seen.replace(word, b"...") if word else seen


def settled(wire: Wire) -> bytes:
    """What comes before we say anything: of a device that boots, until it has. Raises ShellError, WireError."""
    heard = listen(wire, FIRST_S)
    until = time.monotonic() + BOOT_S
    while BOOTS.search(heard) and not (LOGIN.search(heard) or PROMPT.search(heard)) and time.monotonic() < until:
        came = listen(wire, SETTLED_S, lambda text: LOGIN.search(text) or PROMPT.search(text), SETTLED_S)
        heard = (heard + came)[-KEPT:]
        if not came:
            break
    if BOOT_LOADER.search(heard):
        raise ShellError(f"{wire.name}: {_why(heard)}")
    return heard


def proved(wire: Wire) -> bool:
    """Does a POSIX shell answer? Raises WireError."""
    return _asked(wire)[0]


def _asked(wire: Wire) -> tuple[bool, bytes]:
    """Whether a shell answers, and what was heard. The question holds nothing that could make a shell wait for more."""
    number = some_number()
    answer = b"%d" % number
    wire.write(b" expr %d - 7" % (number + 7) + ENTER)
    heard = listen(wire, ANSWER_S, lambda seen: answer in seen)
    return answer in heard, heard


def _answer(wire: Wire, expected: re.Pattern[bytes], echo: bytes = b"") -> bytes:
    """What login(1) says: until what is expected, or a shell's prompt, or until it said something and fell silent.

    It is silent for seconds after a wrong password, too, but then it said nothing yet. Raises WireError.
    """
    until = time.monotonic() + LOGIN_ANSWER_S
    seen = b""
    while (left := until - time.monotonic()) > 0:
        piece = wire.read(min(left, SAID_S))
        seen = (seen + piece)[-KEPT:]
        if expected.search(seen) or PROMPT.search(seen) or (not piece and seen.replace(echo, b"", 1).strip()):
            break
    return seen


def some_number() -> int:
    """Nobody else says it. No 6 in it, nor in what is 7 more: with one bit flipped that is a ">", and makes a file."""
    return int("1" + "".join(str(byte % 5) for byte in os.urandom(7)) + "0")


def listen(
    wire: Wire, longest_s: float, enough: Callable[[bytes], object] | None = None, quiet_s: float | None = None
) -> bytes:
    """What comes (the last KEPT bytes) until ``enough`` says so, or it is quiet for so long after something came.

    At the latest until the time is over: some lines are never quiet. Raises WireError.
    """
    until = time.monotonic() + longest_s
    seen = b""
    while (left := until - time.monotonic()) > 0:
        piece = wire.read(min(left, quiet_s) if seen and quiet_s is not None else left)
        seen = (seen + piece)[-KEPT:]
        if (enough is not None and enough(seen)) or (not piece and seen and quiet_s is not None):
            break
    return seen


def _refused(wire: Wire, credentials: Credentials) -> ShellError:
    return ShellError(f"{wire.name}: the device refused the login as {credentials.login!r}")


def _why(heard: bytes) -> str:
    """Why no shell was found, as well as can be told from what was heard."""
    if not heard:
        return "nothing answers; is the device on, the cable right, the line at the device's speed (--baud)?"
    odd = sum(byte > 126 or (byte < 32 and byte not in b"\r\n\t\x1b\x07\x08") for byte in heard)
    if odd * 4 > len(heard):
        return "what comes is no text; is the line at the device's speed (--baud)?"
    if BOOT_LOADER.search(heard):
        return f"a boot loader answers, no shell ({last_words(heard)}); boot the device first"
    return (
        "something answers, but no shell: a program may run in the foreground (--interrupt sends Ctrl-C first);"
        f" it said last: {last_words(heard)}"
    )
