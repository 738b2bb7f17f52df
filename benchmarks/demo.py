"""`awcu demo` under visitors: how soon it answers, and what it remembers.

python benchmarks/demo.py          # 1 minute on two cores; prints Markdown

Twenty photographs of 12 megapixels one after another, then four visitors at once with five each, then both once more.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
from score import DISTINCT, written

from awcu.models.pretrained import BUNDLED

VISITORS = 4


def main() -> None:
    """Start the page, visit it, print what it took."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photographs = [path.read_bytes() for path in sorted(written(Path(folder) / "photographs", DISTINCT).iterdir())]
    started = time.perf_counter()
    command = [sys.executable, "-m", "awcu", "demo", "--port", "0", "--no-browser", "--device", "cpu"]
    # The same model a second time: only speed is of interest.
    command += ["--compare", str(BUNDLED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())[0]  # type: ignore[index]
            print(f"ready after {time.perf_counter() - started:.1f} s\n")
            visit(address, psutil.Process(server.pid), photographs)
        finally:
            server.terminate()


def visit(address: str, server: psutil.Process, photographs: list[bytes]) -> None:
    """Rows of a table: each way of asking, its times and the server's memory after it."""
    print("| | first | median | slowest | photographs/s | memory after |\n|---|--:|--:|--:|--:|--:|")

    def ask(photograph: bytes, path: str = "explain") -> float:
        started = time.perf_counter()
        with urlopen(Request(f"{address}/{path}?name=photograph.jpg", photograph, method="POST")) as answer:
            answer.read()
        return time.perf_counter() - started

    def row(name: str, work: "list[float]", seconds: float) -> None:
        memory = server.memory_info().rss / 2**20
        times = f"{work[0]:.2f} s | {statistics.median(work):.2f} s | {max(work):.2f} s"
        print(f"| {name} | {times} | {len(work) / seconds:.1f} | {memory:,.0f} MiB |", flush=True)

    for turn in ("", ", again", ", a third time"):
        started = time.perf_counter()
        row(f"one after another{turn}", [ask(one) for one in photographs], time.perf_counter() - started)
        started = time.perf_counter()
        with ThreadPoolExecutor(VISITORS) as visitors:
            times = list(visitors.map(ask, photographs))
        row(f"{VISITORS} at once{turn}", times, time.perf_counter() - started)
    started = time.perf_counter()
    row("two models", [ask(one, "compare") for one in photographs], time.perf_counter() - started)


if __name__ == "__main__":
    main()
