"""What the agent is asked for: by clients of the control socket, and by SIGHUP. Loaded for one request and dropped."""

from lastgasp.recorder import once
from lastgasp.recorder.wear import Wear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.agent import Agent

MARK_LIMIT = 256
MARKS = 1000  # an hour; more would push the recording out
HOUR_MS = 3_600_000
# what is read at the start only
AT_START = (
    "ring_path", "ring_size", "block_size", "pmsg", "processes", "oom_score_adj", "lock_memory", "control_socket",
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
