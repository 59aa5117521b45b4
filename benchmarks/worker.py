"""The process of one entrant: builds its calls and times them as it is told.

``python -m benchmarks.worker '{"module": ..., "maker": ..., "arguments": [...]}'``
answers each line of its input with a line of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any


def timed(call: Callable[[], Any], count: int) -> float:
    """Return how long ``count`` calls take, in seconds."""
    start = time.perf_counter()
    for _ in range(count):
        found = call()
    _settled(found)
    return time.perf_counter() - start


def _settled(found: Any) -> None:
    """Wait until a result is there."""
    if hasattr(found, "numpy"):
        getattr(found, "detach", lambda: found)().numpy()


def main() -> None:
    """Answer until the input ends."""
    began = time.perf_counter()
    asked = json.loads(sys.argv[1])
    # Whatever a framework prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module = importlib.import_module(f"benchmarks.{asked['module']}")
    imported = time.perf_counter()
    calls = getattr(module, asked["maker"])(*asked["arguments"])
    first = timed(next(iter(calls.values())), 1)
    ready = time.perf_counter()
    found: dict[str, Any] = {
        "imported": imported - began,
        "built": ready - imported - first,
        "first": first,
        "names": list(calls),
    }
    while True:
        print(json.dumps(found), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        name, count = json.loads(line)
        if name is None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            found = {"peak": peak / 1024}
        else:
            found = {"seconds": timed(calls[name], count)}


if __name__ == "__main__":
    main()
