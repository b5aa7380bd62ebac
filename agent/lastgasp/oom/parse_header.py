"""Who asked for memory, with what request, on what machine, and by which way: the report's lines up to Mem-Info.

``begins`` reads the first line, ``read`` the others. Names stand where the kernel prints them and are at most COMM
bytes long, so what looks like more of the line within a name does not mislead.
"""

from __future__ import annotations

import re

from lastgasp.oom.block import Block, Section

COMM = 15  # TASK_COMM_LEN without its final zero
MOST_CALLS = 128
INVOKED = b" invoked oom-killer: "
BEGIN = re.compile(rb" invoked oom-killer: (?=gfp_mask=|[gfp_mask]{0,8}$)")  # a name may hold the first part
FIELD = re.compile(rb"(\w{1,16})=([^,\s(]{0,64})(?:\(([^)]{0,500})\))?")
CPUSET = re.compile(rb".{0,64} ?cpuset=(.{0,4096}) mems_allowed=([\d,-]*)\s*$", re.S)
CPU = re.compile(rb"CPU: ?(\d{1,5}) (?:UID: ?(\d{1,10}) )?PID: ?(\d{1,10}) Comm: (.*)$", re.S | re.I)
OLD_CPU = re.compile(rb"Pid: ?(\d{1,10}), comm: +(.*)$", re.S)
TAINT = re.compile(rb" (?:Kdump: loaded )?(?:Not tainted|Tainted: ([A-Z ]+?)) +(?:\()?(\d[^\s)]*)")
HARDWARE = re.compile(rb"Hardware name: ?(.*)$")
TAINTED = re.compile(rb"Tainted: (\[\w\]=.*)$")
FROM = re.compile(
    rb"\s*(?:\[<[0-9a-f]+>\] \()?([\w.$]+)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?\)? from (?:\[<[0-9a-f]+>\] \()?([\w.$]+)"
)
CALL = re.compile(rb"\s*(?:\[<?[0-9a-fx]{1,18}>?\] ?){0,2}(\? )?\(?([A-Za-z_][\w.$]*)\+0x[0-9a-f]+/0x[0-9a-f]+")
REGISTERS = re.compile(  # what stands around a call trace, on any architecture
    rb"\s*(?:[0-9a-f]{4}: [0-9a-f ]+$|Exception stack\(|Call [Tt]race:|Backtrace:|Stack\s*:|Code: ?|</?[A-Z]+>$|"
    rb"(?:[RE]?[A-Z]{2}|R\d\d|RIP|[RE]FLAGS|CR\d|[CDEFGS]S|ORIG_RAX): ?[0-9a-f]{2,}|(?:r|x)\d{1,2} ?: ?[0-9a-f]|"
    rb"(?:pc|lr|sp|fp|ip|pstate|psr|ra|gp|epc|NIP|GPR\d\d|MSR|CTR|CFAR|DAR) {0,3}:|--- |Workqueue: |Stopper: |"
    rb"LR = |REGS: |Process .{1,16} \(pid: |(?:[a-z]\d{1,2}|[a-z]{2}) ?: ?[0-9a-f]{8,16}|"
    rb"COMPACTION is disabled|Modules linked in:|Last Breaking|Function entered at|Sending NMI|"
    rb"[0-9a-f]{8,16}(?: [0-9a-f]{8,16})+ ?$|"
    rb"\.{3}$|0x[0-9a-f]{8,16}$|\$ ?\d{1,2} *:|(?:Hi|Lo|Status|Cause|BadVA|PrId) *:|note: |Krnl |"
    rb"\[<?[0-9a-f]{8,16}>?\] 0x[0-9a-f]+)"
)


AFTER_PANIC = re.compile(
    rb"CPU: ?\d|Hardware name:|Tainted: \[|---\[ end Kernel panic|Kernel Offset:|Rebooting in \d|SMP: stopping|"
    rb"CPU\d{1,4}: stopping|CPU features: 0x|Memory Limit:"
)


def begin(text: bytes) -> int:
    """Where the invoker's name ends in a report's first line; -1: it is another line."""
    match = BEGIN.search(text) if INVOKED in text else None
    return match.start() if match else -1


def begins(text: bytes, block: Block) -> bool:
    """Whether this line begins a report; then the block knows who asked for what."""
    at = begin(text)
    if at < 0:
        return False
    report = block.report
    report.invoker = text[:at]
    for match in FIELD.finditer(text, at + len(INVOKED)):
        name, value = match[1], match[2]
        if name == b"gfp_mask":
            report.gfp_mask = _number(value, 16)
            report.gfp_flags = tuple(match[3].split(b"|")) if match[3] else None
        elif name == b"order":
            report.order = _number(value, 10)
        elif name == b"oom_score_adj":
            report.invoker_adj = _number(value, 10)
        elif name == b"nodemask":
            report.nodemask = b"(null)" if match[3] == b"null" else text[match.start(2) :].split(b", ")[0]
    report.sysrq = report.sysrq or report.order == -1
    return True


def read(text: bytes, block: Block) -> bool:
    """Read a line of the part before Mem-Info; False if it is none."""
    if block.section != Section.HEAD:
        return False
    report = block.report
    if match := CPU.match(text):
        if report.invoker_pid is not None:
            return True  # another's
        report.invoker_cpu, report.invoker_pid = int(match[1]), int(match[3])
        return _machine(match[4], block)
    if match := OLD_CPU.match(text):
        report.invoker_pid = int(match[1])
        return _machine(match[2], block)
    if match := HARDWARE.match(text):
        report.hardware = match[1].strip()
        return True
    if match := TAINTED.match(text):
        report.tainted = match[1].strip()
        return True
    if b"cpuset=" in text and (match := CPUSET.match(text)):
        report.cpuset, report.mems_allowed = match[1], match[2]
        return True
    return trace(text, block)


def trace(text: bytes, block: Block | None = None) -> bool:
    """Read a line of a call trace, or of what stands around it."""
    if match := FROM.match(text):
        calls = [match[1], match[2]]
        if block and block.report.call_trace[-1:] == (match[1],):
            calls = [match[2]]
    elif match := CALL.match(text):
        calls = [] if match[1] else [match[2]]  # "?": found on the stack, not surely called
    else:
        return REGISTERS.match(text) is not None
    if block and len(block.report.call_trace) < MOST_CALLS:
        block.report.call_trace += tuple(calls)
    return True


def after_panic(text: bytes) -> bool:
    """Whether this line is of what a panic prints after its words."""
    return AFTER_PANIC.match(text) is not None or trace(text)


def _machine(text: bytes, block: Block) -> bool:
    """``NAME Not tainted VERSION #BUILD``: the name ends at the last place where it can."""
    report = block.report
    found = None
    for match in TAINT.finditer(text[: COMM + 80]):
        if match.start() <= COMM or found is None:
            found = match
    if found is None:
        return True  # cut
    report.kernel = found[2]
    report.tainted = (found[1] or b"").strip() or None
    name = text[: found.start()]
    if report.invoker is not None and len(report.invoker) > COMM and report.invoker.endswith(name):
        report.invoker = name  # garbage stood before it
    return True


def _number(value: bytes, base: int) -> int | None:
    try:
        return int(value[:24], base)
    except ValueError:
        return None
