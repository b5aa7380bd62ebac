"""The agent, telling what each import and each step of its start does to its private dirty memory.

    PYTHON -I -S -E TREE/imports.pyc run --config FILE

Prints lines of ``MARK KB NAME``: ``>`` before and ``<`` after a module is loaded or one of STEPS is called, nested as
they are, ``=`` at a point in time. The first ``=`` comes again when the agent's start begins anew, which it does to
tune malloc; what is before it does not count. Stops after TICKS ticks.
"""

import _frozen_importlib
import marshal
import sys
from posix import O_RDONLY, close, open, read, readv, write  # names that the agent does not use are taken out of posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

PROGRAM = sys.argv[0].rpartition("/")[0] + "/lastgasp-agent.pyc"
PYC_HEADER = 16
TICKS = 200
STEPS = {
    "ring_file": ("open_ring",),
    "protect": ("set_oom_score_adj", "lock_memory"),
    "agent": ("Agent.__init__", "Agent.start", "Agent.tick"),
    "sampler": ("Sampler.take",),
    "system": ("System.fast", "System.detailed", "System.slow"),
    "groups": ("Groups.read",),
    "processes": ("Processes.scan", "Processes.detail_some"),
    "mappings": ("Mappings.read_one",),
}
BUFFER = bytearray(4096)
hot = [""]  # the module that the agent's start is loading from its file of hot modules


def size_kb() -> int:
    """How much there is now."""
    fd = open("/proc/self/smaps_rollup", O_RDONLY)
    readv(fd, [BUFFER])
    close(fd)
    at = BUFFER.find(b"Private_Dirty:") + 14
    return int(BUFFER[at : BUFFER.find(b"kB", at)])


def tell(mark: bytes, name: str, size: int) -> None:
    """Say it."""
    write(1, b"%s %d %s\n" % (mark, size, name.encode()))


def find_and_load(name: str, import_: object) -> "ModuleType":
    """Takes the place of importlib's own: called for each module that is not loaded yet."""
    if name == "lastgasp.recorder.main":
        hot_loaded()
    tell(b">", name, size_kb())
    module: ModuleType = really_find_and_load(name, import_)
    tell(b"<", name, size_kb())
    watch_all(name, module)
    return module


def loads(packed: bytes) -> object:
    """Takes the place of marshal's own: hot modules are tuples that begin with their name."""
    before = size_kb()
    value: object = really_load(packed)
    if isinstance(value, tuple):
        hot_loaded()
        hot[0] = value[0]
        tell(b">", hot[0], before)
    return value


def hot_loaded() -> None:
    """The last hot module is loaded: another follows, or the end."""
    if hot[0]:
        tell(b"<", hot[0], size_kb())
        watch_all(hot[0], sys.modules[hot[0]])
        hot[0] = ""


def watch_all(name: str, module: object) -> None:
    """Have the steps in a module told."""
    package, _, short = name.rpartition(".")
    if package == "lastgasp.recorder":
        for step in STEPS.get(short, ()):
            watch(module, step)


def watch(module: object, step: str) -> None:
    """Have the calls of a function told; one that is not there (any more) is left out."""
    owner, _, last = step.rpartition(".")
    holder = getattr(module, owner, None) if owner else module
    function: Callable[..., object] | None = getattr(holder, last, None)
    if function is None:
        return
    calls = [0]

    def told(*arguments: object, **named: object) -> object:
        calls[0] += 1
        tell(b">", f"{step}() {calls[0]}", size_kb())
        result = function(*arguments, **named)
        tell(b"<", f"{step}() {calls[0]}", size_kb())
        if step == "Agent.tick" and calls[0] == TICKS:
            arguments[0].stopping = True  # type: ignore[attr-defined]
        return result

    setattr(holder, last, told)


fd = open(PROGRAM, O_RDONLY)
read(fd, PYC_HEADER)
start = marshal.loads(read(fd, 1 << 20))
close(fd)
tell(b"=", "the interpreter and this probe", size_kb())
really_load = marshal.loads
marshal.loads = loads  # type: ignore[assignment]
really_find_and_load = _frozen_importlib._find_and_load_unlocked  # type: ignore[attr-defined]
_frozen_importlib._find_and_load_unlocked = find_and_load  # type: ignore[attr-defined]
try:
    exec(start, {"__name__": "__main__", "__file__": PROGRAM})
finally:
    tell(b"=", "stopped", size_kb())
