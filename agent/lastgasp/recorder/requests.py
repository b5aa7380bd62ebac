"""What the agent is asked for: by clients of the control socket, and by SIGHUP. Loaded for one request and dropped."""

from lastgasp.recorder import once
from lastgasp.recorder.wear import Wear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.agent import Agent
    from lastgasp.recorder.tune import Tuner

MARK_LIMIT = 256
MARKS = 1000  # an hour; more would push the recording out
HOUR_MS = 3_600_000
RECENT_S = 600  # how long ago a process may have grown to count as one that grows
# what is read at the start only
AT_START = (
    "ring_path", "ring_mount", "ring_size", "block_size", "pmsg", "processes", "oom_score_adj", "lock_memory",
    "control_socket",
)  # fmt: skip


def answer(agent: "Agent", request: bytes) -> bytes:
    """The answer to one line of a client."""
    command, _, rest = request.partition(b" ")
    if command == b"mark":
        return mark(agent, rest)
    if command == b"flush":
        if agent.flush():
            return b"ok\n"
        return b"error the ring cannot be written: errno %d\n" % agent.writer.last_error
    if command == b"status":
        with once.borrowed("recorder.status") as status:
            rendered: bytes = status.render(agent, rest == b"json")
        return rendered
    if command == b"tune":
        return tune(agent, rest)
    return b"error unknown request\n"


def mark(agent: "Agent", text: bytes) -> bytes:
    """Put a mark into the recording."""
    now = agent.clock()
    if len(text) > MARK_LIMIT:
        return b"error a mark has %d bytes at most\n" % MARK_LIMIT
    if now - agent.marks_since_ms >= HOUR_MS:
        agent.marks_since_ms, agent.marks = now, 0
    if agent.marks >= MARKS:
        return b"error %d marks in an hour are enough: more would push the recording out of the ring\n" % MARKS
    agent.marks += 1
    agent.encoder.event(now, b"mark", [(b"text", text)])
    if agent.mirror is not None:  # what somebody was about to do may end in a reset
        agent.mirror.update()
    return b"ok\n"


def tune(agent: "Agent", what: bytes) -> bytes:
    """Apply the rules, as they are in the configuration now; or put the old values back; or say who grows."""
    now = agent.clock()
    if what == b"apply":
        if agent.reload is not None:
            agent.config.tune = agent.reload().tune
        found = tuner(agent)
        return found.apply(now, agent.config.tune) if found is not None else b"error tune is empty\n"
    if what == b"revert":
        found = getattr(agent, "tuner", None)
        return found.revert(now) if found is not None else b"ok\nthis agent has tuned no process\n"
    if what == b"grown":
        processes, since_s = agent.sampler.processes, max(0, now // 1000 - RECENT_S)
        # Mappings are read of those who grow: who had to wait for that since then, or waits for it now.
        pids = [pid for pid in processes.known if not processes.allow_mappings(pid, since_s)]
        return b" ".join([b"ok", *[b"%d" % pid for pid in pids + [pid for _, pid, _ in processes.grown]]]) + b"\n"
    return b"error unknown request\n"


def tuner(agent: "Agent") -> "Tuner | None":
    """Who applies the rules: made when there are some, then kept for what it has to put back. Raises ImportError."""
    found: Tuner | None = getattr(agent, "tuner", None)
    if found is None and agent.config.tune:
        found = agent.tuner = once.load("recorder.tune").Tuner(agent.sampler.processes)
    return found


def reload(agent: "Agent") -> None:
    """Take over what can change while running; a file with a mistake changes nothing and is noted."""
    now = agent.clock()
    try:
        config = agent.reload() if agent.reload is not None else agent.config
    except Exception as error:  # ConfigError lives in a module that is not kept
        agent.encoder.event(now, b"config", [(b"error", str(error).encode("utf-8", "replace")[:400])])
        return
    for key in AT_START:
        if getattr(config, key) != getattr(agent.config, key):
            setattr(config, key, getattr(agent.config, key))
            note = f"{key} was changed: that waits for a restart"
            if note not in agent.ring.notes:
                agent.ring.notes.append(note)
    if config.flash_budget != agent.config.flash_budget:
        agent.wear = Wear(config.flash_budget, agent.ring.block_size, now)
    agent.config = agent.alerts.config = config
    agent.sampler.take_over(config)
    agent.pressure.available, agent.pressure.stall = config.pressure_available, config.pressure_stall
    agent.log.level = config.kernel_log_level
    agent.due_ms = min(agent.due_ms, now + config.interval)
    agent.slow_due_ms = min(agent.slow_due_ms, now + config.slow_interval)
    agent.encoder.event(now, b"config", [(b"read", b"ok")])
    agent.sampler.write_machine(now)
    found = tuner(agent)
    if found is not None:
        found.apply(now, config.tune)
