"""What runs in the device's shell while we talk to it: reads one command a line, runs it if its checksum holds.

Contract: nothing that was garbled on its way is run, for a line carries the checksum of its command; and no command is
run twice: where its number comes again, only its status is told again. Answers carry a checksum, too. Whatever ends it
(the command ``bye``, Ctrl-C, the line hanging up, 90 s without a command where the shell's ``read`` knows a timeout),
the terminal's settings and the console's log level are put back as they were.

A device that has neither cksum(1) nor md5sum(1) checks lengths only: there a command with letters changed would run.

Plain POSIX sh: runs in busybox ash, dash and bash. Holds no single quote, and few capitals (see ``loading``).

While it listens, the terminal does not echo, does not turn newlines into two bytes, and does not take a byte of noise
for "stop sending", "end of input", "stop this program" and the like, but for Ctrl-C, which shall end it; the kernel
writes only emergencies to its console (level 1).
"""

from __future__ import annotations

from lastgasp.pull.console import proof

PATIENCE_S = 90  # for the next command
BYE = "bye"
NESTED = "lastgasp_nested"  # set where a shell was started for us, which then ends with the listener

STATEMENTS = (
    "N=@word@",
    proof.FUNCTION,
    # one line of answer, with its checksum
    r'y(){ printf ":%s %s %s\n" $N "$(printf "%s\n" "$*"|k)" "$*";}',
    # run a program: what it complains of becomes an answer, too
    r'r(){ { e=$("$@" 2>&1 >&3 3>&-);s=$?;} 3>&1;[ -z "$e" ]||y err "$(echo "$e"|tail -n 3|tr "\n" " ")";return $s;}',
    "exec 4>&1",  # the terminal, also where a command that is interrupted has another input; bash 5.2 crashes on 4<&0
    # when memory is short, we and what we run go first
    "{ echo 1000 >/proc/self/oom_score_adj;} 2>/dev/null",
    "o=$(stty -g 2>/dev/null)",
    "p=",
    "{ read -r p </proc/sys/kernel/printk;} 2>/dev/null",
    'z(){ [ -z "$o" ]||stty $o <&4;[ @console@ = 0 ]||[ -z "$p" ]||{ echo $p >/proc/sys/kernel/printk;} 2>/dev/null'
    ";y bye;}",
    "trap z 0",
    'trap "exit 1" 1 2 3 15',
    "t=",
    'if echo x|(read -r -t 9 v) 2>/dev/null;then t="-t @patience@";fi',
    '[ -z "$o" ]||stty -echo -onlcr -ixon -iexten eof undef quit undef susp undef||stty -echo -onlcr -ixon',
    "[ @console@ = 0 ]||{ echo 1 >/proc/sys/kernel/printk;} 2>/dev/null",
    "y ready",
    "M=",
    r'while read -r $t c n l;do set -- $(printf "%s\n" "$n $l"|k);if [ "$1/$2" != "$c" ];then y again "$n"'
    ';elif [ "$l" = bye ];then break;else [ "$M" = "$n" ]||{ eval "$l" </dev/null;S=$?;M=$n;};y done $n $S;fi;done',
    "z",
    "exec 4>&-",
    "trap - 0 1 2 3 15",
    'if [ -n "$@nested@" ];then exit;fi',
)


def script(word: str, console: bool) -> str:
    """The text, one line without its newline, for one conversation; ``console``: the kernel may write there, too."""
    values = {"word": word, "patience": PATIENCE_S, "console": int(console), "nested": NESTED}
    text = ";".join(STATEMENTS)
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def command_line(number: int, command: str, kind: str) -> bytes:
    """A command as the listener takes it; ``kind``: what the device proves with (``proof``)."""
    text = f"{number} {command}\n".encode()
    return proof.words(kind, text).replace(" ", "/").encode() + b" " + text


def question(number: int) -> bytes:
    """What is no command: the listener answers ``again`` as soon as nothing runs. To other shells it is nothing."""
    return b"- %d\n" % number
