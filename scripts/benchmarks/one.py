"""One measurement in a process of its own: ``python -m benchmarks.one MODULE`` with a plan as JSON on standard input.

Prints its result as JSON, ``{"rows": [...]}``, ``{"text": "..."}`` or ``{"failed": "why"}``.
"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from typing import Any

from benchmarks.children import ChildError
from benchmarks.measurements import MEASUREMENTS, MODULES
from benchmarks.plan import Plan, Tree


def measure(name: str, plan: Plan) -> dict[str, Any]:
    """The result, ready for JSON."""
    try:
        if name == MODULES:
            from benchmarks import modules

            return {"text": modules.run(plan)}
        measurement = next(one for one in MEASUREMENTS if one.module == name)
        return {"rows": [row.as_json() for row in measurement.run(plan)]}
    except (ChildError, OSError) as error:
        return {"failed": str(error)}
    except Exception as error:  # the agent is being worked on: whatever fails in it costs its row and no other
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Read, measure, print. SIGTERM unwinds, so that everything that was started is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    values = json.load(sys.stdin)
    values["trees"] = tuple(Tree(**tree) for tree in values["trees"])
    json.dump(measure(sys.argv[1], Plan(**values)), sys.stdout)


if __name__ == "__main__":
    main()
