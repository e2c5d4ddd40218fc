"""Measure the kinds and numbers of server processes against each other: `make bench-server`.

Each side serves the current bundle by `python -m app`; wrk sends POST /predict, one record a request, distinct records
in turn. All servers run for the whole time, and in a round each has its turn, so that noise hits them all; each is
compared with the chosen one of the same round. wrk runs on the same machine and takes its part of the processors.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from modelbundle.bundle import current_folder

ROOT = Path(__file__).parents[1]
SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
CHOSEN = ("app.server.worker.Worker", 2, 1)  # worker class, workers, and gunicorn's threads where the class has any
SIDES = [CHOSEN, *((CHOSEN[0], workers, 1) for workers in (1, 3, 4)), ("sync", 2, 1), ("gthread", 2, 8)]
LOADS = {"1 kept": (1, ""), "8 kept": (8, ""), "32 kept": (32, ""), "8 new": (8, "close")}
LUA = """
local bodies, turn = {%s}, 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
if "%s" ~= "" then wrk.headers["Connection"] = "%s" end
request = function()
  turn = turn %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[turn])
end
done = function(summary, latency)
  local e, p50, p99 = summary.errors, latency:percentile(50), latency:percentile(99)
  local failed = e.status + e.connect + e.read + e.write + e.timeout
  local form = '{"requests": %%d, "us": %%d, "p50": %%d, "p99": %%d, "failed": %%d}\\n'
  io.write(form:format(summary.requests, summary.duration, p50, p99, failed))
end
"""


def main() -> None:
    """Give every side its turn in every round, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="of each load in a turn (default: %(default)s)")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed; on Debian: apt install wrk, on a Mac: brew install wrk")
    results = {side: {load: [] for load in LOADS} for side in SIDES}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        servers = {side: running.enter_context(served(side)) for side in SIDES}
        for number in range(options.rounds):
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                for load, (connections, header) in LOADS.items():
                    turn = wrk(Path(folder), servers[side][1], connections, header, options.seconds)
                    results[side][load].append(turn)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        memory = {side: pss_mb(server) for side, (server, _) in servers.items()}
    print_table(results, memory)


@contextmanager
def served(side: tuple[str, int, int]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the server; ends it with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = "--worker-class {} --workers {} --threads {}".format(*side)
    environment = os.environ | {"PORT": str(port), "GUNICORN_CMD_ARGS": arguments}
    with subprocess.Popen([sys.executable, "-m", "app"], cwd=ROOT, env=environment, **SILENT) as server:
        try:
            while not ready(port):
                if server.poll() is not None:
                    raise SystemExit("the server ended; make serve tells why")
                time.sleep(0.05)
            yield server, port
        finally:
            server.terminate()


def ready(port: int) -> bool:
    """Whether it serves a bundle."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200
    except urllib.error.HTTPError as error:
        raise SystemExit(f"there is no bundle to serve, make run makes one: {error.read().decode()}") from None
    except OSError:  # not yet
        return False


def wrk(folder: Path, port: int, connections: int, header: str, seconds: int) -> dict[str, float]:
    """Send requests for so many seconds; returns requests per second, and latencies in milliseconds."""
    (folder / "wrk.lua").write_text(LUA % (", ".join(map(json.dumps, bodies())), header, header))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(folder / "wrk.lua")]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/predict"], capture_output=True, text=True, check=True)  # noqa: S603
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"]:
        raise SystemExit(f"{found['failed']} requests failed")
    return {"rate": found["requests"] * 1e6 / found["us"], "p50": found["p50"] / 1e3, "p99": found["p99"] / 1e3}


def bodies() -> list[str]:
    """About a hundred records: each golden one with every other feature of each golden one."""
    models = Path(os.environ.get("MODELS") or ROOT / "models")
    golden = json.loads((current_folder(models) / "golden.json").read_bytes())
    records = [request["record"] for request in golden["requests"]]
    mixed = [one | {name: other[name] for name in list(other)[::2]} for one in records for other in records]
    return list(dict.fromkeys(json.dumps(record) for record in mixed))


def pss_mb(server: subprocess.Popen[bytes]) -> float:
    """Memory of a worker on average, what the processes share divided between them; in MB."""
    return statistics.mean(worker.memory_full_info().pss / 1e6 for worker in psutil.Process(server.pid).children())


def print_table(results: dict, memory: dict[tuple[str, int, int], float]) -> None:
    """Print requests per second, as a multiple of the chosen side's in the same round, and latencies."""
    print(f"\n{'requests by so many':26}" + "".join(f"{load + ' connections':^27}" for load in LOADS) + "MB per")
    print(f"{'class, workers x threads':26}" + "    1/s ratio p50 ms p99 ms" * len(LOADS) + "worker")
    for side, loads in results.items():
        row = f"{side[0].rpartition('.')[2] + ' ' + str(side[1]) + ' x ' + str(side[2]):25}" + "* "[side != CHOSEN]
        for load, turns in loads.items():
            rate, p50, p99 = (statistics.median(turn[name] for turn in turns) for name in ("rate", "p50", "p99"))
            pairs = zip(turns, results[CHOSEN][load], strict=True)
            ratio = statistics.median(turn["rate"] / chosen["rate"] for turn, chosen in pairs)
            row += f"{rate:7.0f}{ratio:6.2f}{p50:7.1f}{p99:7.0f}"
        print(f"{row}{memory[side]:6.0f}")
    print("* chosen; kept: connections that stay open, new: one for each request")


if __name__ == "__main__":
    main()
