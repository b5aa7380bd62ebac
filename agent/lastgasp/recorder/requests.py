"""What the agent is asked for: by clients of the control socket, and by SIGHUP. Loaded for one request and dropped."""

from lastgasp.recorder import once
from lastgasp.recorder.wear import Wear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.agent import Agent

MARK_LIMIT = 256


def answer(agent: "Agent", request: bytes) -> bytes:
    """The answer to one line of a client."""
    command, _, rest = request.partition(b" ")
    if command == b"mark":
        agent.encoder.event(agent.clock(), b"mark", [(b"text", rest[:MARK_LIMIT])])
        return b"ok\n"
    if command == b"flush":
        if agent.flush():
            return b"ok\n"
        return b"error the ring cannot be written: errno %d\n" % agent.writer.last_error
    if command == b"status":
        with once.borrowed("recorder.status") as status:
            rendered: bytes = status.render(agent, rest == b"json")
        return rendered
    return b"error unknown request\n"


def reload(agent: "Agent") -> None:
    """Take over what can change while running; a file with a mistake changes nothing and is noted."""
    now = agent.clock()
    try:
        config = agent.reload() if agent.reload is not None else agent.config
    except Exception as error:  # ConfigError lives in a module that is not kept
        agent.encoder.event(now, b"config", [(b"error", str(error).encode("utf-8", "replace")[:400])])
        return
    agent.config = agent.alerts.config = config
    agent.sampler.take_over(config)
    agent.pressure.available, agent.pressure.stall = config.pressure_available, config.pressure_stall
    agent.wear = Wear(config.flash_budget, agent.ring.block_size)
    agent.log.level = config.kernel_log_level
    agent.due_ms = min(agent.due_ms, now + config.interval)
    agent.encoder.event(now, b"config", [(b"read", b"ok")])
    agent.sampler.write_machine(now)
