"""Measure what a price costs beside the web server itself, and beside MLflow's: `make bench-app`.

A bundle is made of each of some candidates of the last `make run`, and of its winner. Each is served by gunicorn as in
production, with one more endpoint that reads what /predict reads and answers a constant: benchmarks/constant.py. wrk
sends both the same thousand and more distinct records, one a request, in turn; the two endpoints alternate within one
server, so that the ratio holds on a noisy machine. There is no cache of answers. With --mlflow the same pipelines are
served by `mlflow models serve` too, from an environment of its own.
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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from modelbundle.bundle import PLAN, current_folder, load_bundle
from modelbundle.digests import canonical_json, digest_bytes
from training.bundle.drafting import draft_bundle
from training.paths import ROOT

SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
CANDIDATES = ("linear_regression", "svr", "random_forest")
CONNECTIONS = 8
RECORDS = 1400
LUA = """
local bodies, turn = {}, 0
for line in io.lines("%s") do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  turn = turn %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[turn])
end
done = function(summary, latency)
  local e = summary.errors
  local failed = e.status + e.connect + e.read + e.write + e.timeout
  local form = '{"rate": %%f, "p50": %%f, "failed": %%d}\\n'
  io.write(form:format(summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1e3, failed))
end
"""
MLFLOW_MODEL = """
import pickle, sys, mlflow.sklearn
with open(sys.argv[1], "rb") as file:
    mlflow.sklearn.save_model(pickle.load(file), sys.argv[2], serialization_format="cloudpickle", pip_requirements=[])
"""


def main() -> None:
    """Give each side its turns, and print the medians of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12, help="turns of each side (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="of a turn (default: %(default)s)")
    parser.add_argument("--mlflow", type=Path, help="the environment that MLflow is installed in, such as .venv-mlflow")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed; on Debian: apt install wrk, on a Mac: brew install wrk")
    current = current_folder(ROOT / "models")
    manifest = json.loads((current / "manifest.json").read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        sides = {name: (Path(folder) / name, _candidate(name)) for name in CANDIDATES}
        sides[f"the winner, {manifest['winner']}"] = (Path(folder) / "winner", (current / "model.pkl").read_bytes())
        for registry, model in sides.values():
            make_registry(registry, model, manifest)
        write_records(Path(folder), manifest)
        for workers in (1, 2):
            print(f"\none record a request, {CONNECTIONS} connections, {workers} worker{'s' * (workers > 1)}")
            print(f"{'':26}{'constant 1/s':>13}{'/predict 1/s':>13}{'ratio':>7}{'p50 ms':>8}")
            for name, (registry, _) in sides.items():
                compare(name, registry, workers, Path(folder), options)
        print(f"\n{'one worker':26}{'first answer s':>15}{'MB by plan':>12}{'first answer s':>15}{'MB by pickle':>13}")
        for name, (registry, _) in sides.items():
            costs = [cost(registry, Path(folder), 10_000), cost(without_plan(registry), Path(folder), 1_000)]
            print(f"{name:26}" + "".join(f"{seconds:15.2f}{memory:12.0f}" for seconds, memory in costs))
        print(f"\n{'10,000 records at once':26}{'plan ms':>9}{'DataFrame + predict ms':>24}{'ratio':>7}")
        for name, (registry, model) in sides.items():
            print(f"{name:26}" + batch(registry, model))
        if options.mlflow:
            print(f"\n{'beside MLflow, 1 worker':26}{'mlflow 1/s':>13}{'/predict 1/s':>13}{'ratio':>7}")
            for name, (registry, model) in sides.items():
                beside_mlflow(name, registry, model, Path(folder), options)


def _candidate(name: str) -> bytes:
    return (ROOT / "runs" / "house_prices" / f"03_train-{name}" / "candidate.pkl").read_bytes()


def make_registry(registry: Path, model: bytes, manifest: dict[str, Any]) -> None:
    """Publish a model as the current one of a registry of its own, with what the manifest tells of intervals."""
    from modelbundle.contract import Contract

    facts = {key: manifest[key] for key in ("name", "title", "intervals", "typical")}
    table = pd.read_csv(ROOT / "data" / "house_prices.csv")
    files = draft_bundle(model, Contract.model_validate(manifest["contract"]), table, facts)
    write(registry, files)


def write(registry: Path, files: dict[str, bytes]) -> None:
    """Write the files of a bundle, and name it as the current one."""
    version = digest_bytes(files["manifest.json"])
    (registry / version).mkdir(parents=True)
    for name, data in files.items():
        (registry / version / name).write_bytes(data)
    (registry / "current").write_text(version)


def without_plan(registry: Path) -> Path:
    """The same registry with a bundle that has no plan, so that the pickle serves."""
    other = registry.with_name(f"{registry.name}-pickle")
    if not other.exists():
        bundle = current_folder(registry)
        files = {path.name: path.read_bytes() for path in bundle.iterdir()}
        manifest = json.loads(files["manifest.json"])
        del files[PLAN], manifest["files"][PLAN]
        write(other, files | {"manifest.json": canonical_json(manifest)})
    return other


def write_records(folder: Path, manifest: dict[str, Any]) -> None:
    """Write distinct records, one a line, as the app and as MLflow take them."""
    features = [name for name, column in manifest["contract"]["columns"].items() if "role" not in column]
    table = pd.read_csv(ROOT / "data" / "house_prices.csv")[features].drop_duplicates().head(RECORDS)
    records = json.loads(table.to_json(orient="records"))
    (folder / "records").write_text("\n".join(map(json.dumps, records)))
    (folder / "mlflow-records").write_text("\n".join(json.dumps({"dataframe_records": [it]}) for it in records))


def compare(name: str, registry: Path, workers: int, folder: Path, options: argparse.Namespace) -> None:
    """Let the two endpoints alternate, and print the median of their ratios."""
    rates: dict[str, list[dict[str, float]]] = {"constant": [], "predict": []}
    with served(registry, workers) as (_, port):
        for number in range(options.rounds + 1):
            for path in rates if number % 2 else reversed(rates):
                found = wrk(folder, f"http://127.0.0.1:{port}/{path}", "records", options.seconds)
                if number:  # the first round warms up
                    rates[path].append(found)
    ratio = statistics.median(
        one["rate"] / other["rate"] for one, other in zip(rates["predict"], rates["constant"], strict=True)
    )
    constant, predict = (statistics.median(each["rate"] for each in rates[path]) for path in rates)
    latency = statistics.median(each["p50"] for each in rates["predict"])
    print(f"{name:26}{constant:13,.0f}{predict:13,.0f}{ratio:7.2f}{latency:8.2f}", flush=True)


def cost(registry: Path, folder: Path, requests: int) -> tuple[float, float]:
    """Seconds from the start to the first answer, and MB of one worker after so many single requests."""
    began = time.perf_counter()
    with served(registry, 1) as (server, port):
        seconds = time.perf_counter() - began
        answered = 0.0
        while answered < requests:
            answered += 2 * wrk(folder, f"http://127.0.0.1:{port}/predict", "records", 2)["rate"]
        (worker,) = psutil.Process(server.pid).children()
        return seconds, worker.memory_info().rss / 1e6


def batch(registry: Path, model: bytes) -> str:
    """10,000 records: the plan, and what the pickle takes for the same."""
    import pickle

    bundle, pipeline = load_bundle(current_folder(registry)), pickle.loads(model)  # noqa: S301
    features = bundle.contract.features
    records = (pd.read_csv(ROOT / "data" / "house_prices.csv")[features].to_dict("records") * 7)[:10_000]
    times: list[list[float]] = [[], []]
    for _ in range(5):
        for side, ask in enumerate((lambda: bundle.predict(records), lambda: pipeline.predict(pd.DataFrame(records)))):
            began = time.perf_counter()
            ask()
            times[side].append(time.perf_counter() - began)
    plan, pickled = map(statistics.median, times)
    ratio = statistics.median(other / one for one, other in zip(*times, strict=True))
    return f"{plan * 1e3:9.0f}{pickled * 1e3:24.0f}{ratio:7.2f}"


def beside_mlflow(name: str, registry: Path, model: bytes, folder: Path, options: argparse.Namespace) -> None:
    """Let the app and MLflow's server alternate, one worker each."""
    pickled, saved = folder / f"{registry.name}.pkl", folder / f"{registry.name}-mlflow"
    pickled.write_bytes(model)
    python = options.mlflow.absolute() / "bin" / "python"
    subprocess.run([python, "-c", MLFLOW_MODEL, pickled, saved], check=True, **SILENT)  # noqa: S603
    port = free_port()
    command = [python.with_name("mlflow"), "models", "serve", "-m", saved, "-p", str(port), "--env-manager", "local"]
    environment = os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with served(registry, 1) as (_, ours), running([*command, "--workers", "1"], environment) as server:
        wait_until(lambda: ready(port, "/ping"), server)
        pairs = []
        for _ in range(options.rounds):
            theirs = wrk(folder, f"http://127.0.0.1:{port}/invocations", "mlflow-records", options.seconds)["rate"]
            pairs.append((theirs, wrk(folder, f"http://127.0.0.1:{ours}/predict", "records", options.seconds)["rate"]))
    theirs, mine = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(mine / theirs for theirs, mine in pairs)
    print(f"{name:26}{theirs:13,.0f}{mine:13,.0f}{ratio:7.1f}", flush=True)


@contextmanager
def served(registry: Path, workers: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the app with the constant endpoint until the block ends; gives it when it has answered."""
    port = free_port()
    environment = os.environ | {"PORT": str(port), "MODELS": str(registry), "WORKERS": str(workers)}
    command = [sys.executable, "-m", "gunicorn", "-c", "app/gunicorn_conf.py", "benchmarks.constant:create()"]
    with running(command, environment) as server:
        wait_until(lambda: ready(port, "/readyz"), server)
        yield server, port


@contextmanager
def running(command: list[Any], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends."""
    with subprocess.Popen(command, cwd=ROOT, env=environment, **SILENT) as server:  # noqa: S603
        try:
            yield server
        finally:
            for process in [*psutil.Process(server.pid).children(recursive=True), server]:
                process.terminate()


def wait_until(happened: Any, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; ends the program if it ends."""
    while not happened():
        if server.poll() is not None:
            raise SystemExit(f"{' '.join(map(str, server.args))} ended; run it by hand to see why")
        time.sleep(0.02)


def ready(port: int, path: str) -> bool:
    """Whether a server answers 200."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status == 200
    except urllib.error.HTTPError as error:
        raise SystemExit(f"there is no bundle to serve: {error.read().decode()}") from None
    except OSError:  # not yet
        return False


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wrk(folder: Path, url: str, records: str, seconds: int) -> dict[str, float]:
    """Send the records for so many seconds; returns requests per second, and the middle latency in milliseconds."""
    script = folder / f"{records}.lua"
    script.write_text(LUA % (folder / records))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"]:
        raise SystemExit(f"{found['failed']} requests to {url} failed")
    return found


if __name__ == "__main__":
    main()
