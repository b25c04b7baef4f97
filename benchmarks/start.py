"""`thesis --help` beside `llm --help`, whole processes in turn. Promise: at most a fifth."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 7
SHARE = 0.20


def run() -> None:
    """Print both medians and their ratio."""
    folder = Path(sys.executable).parent
    times: dict[str, list[float]] = {"thesis": [], "llm": []}
    for attempt in range(RUNS + 1):
        for name, taken in times.items():
            started = time.perf_counter()
            subprocess.run([folder / name, "--help"], check=True, capture_output=True)
            if attempt:
                taken.append(time.perf_counter() - started)
    ours, peer = (statistics.median(times[name]) for name in ("thesis", "llm"))
    print(f"thesis --help {ours * 1000:.0f} ms, llm --help {peer * 1000:.0f} ms")
    print(f"ratio {ours / peer:.2f} (promised at most {SHARE})")
