"""Time the main job against a plain script with the same fits: `make bench`.

Both sides alternate in fresh copies of the checkout, so that neither finds results of an earlier run and the ratio
holds on a noisy machine. Then the last run's own timings tell where the rest goes.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from training.headless import KERNEL_ENVIRONMENT
from training.paths import ROOT

SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
TREES = ("lib", "conf", "data", "notebooks", "requirements", "benchmarks")


def main() -> None:
    """Run both sides in turn and print the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (default: %(default)s)")
    parser.add_argument("--conf", default="conf/house_prices.yaml")
    options = parser.parse_args()
    plain, job, idle = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        for number in range(options.rounds):
            fresh_copy(copy)
            plain.append(seconds(copy, ["benchmarks/plain_fits.py", options.conf]))
            fresh_copy(copy)
            job.append(seconds(copy, ["-m", "training.run", options.conf]))
            idle.append(seconds(copy, ["-m", "training.run", options.conf]))
            print(
                f"round {number + 1}: plain script {plain[-1]:.1f} s, main job {job[-1]:.1f} s, again {idle[-1]:.2f} s"
            )
        ratio = statistics.median(job) / statistics.median(plain)
        print(f"main job / plain script: {ratio:.2f}; nothing to do: {statistics.median(idle):.2f} s")
        print_where_it_goes(copy)
        fresh_copy(copy)
        print(f"\npeak memory of the main job with all its kernels: {peak_memory_mb(copy, options.conf):.0f} MB")


def fresh_copy(copy: Path) -> None:
    """Copy what a run reads, and none of what runs made."""
    shutil.rmtree(copy, ignore_errors=True)
    for tree in TREES:
        shutil.copytree(ROOT / tree, copy / tree, ignore=shutil.ignore_patterns("__pycache__", "downloads"))
    shutil.copy(ROOT / "dodo.py", copy)


def seconds(copy: Path, arguments: list[str]) -> float:
    """Wall time of a Python process in the copy."""
    began = time.perf_counter()
    process = start(copy, arguments)
    if process.wait():
        raise SystemExit(f"{' '.join(arguments)} failed; run it by hand to see why")
    return time.perf_counter() - began


def start(copy: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start Python in the copy, whose packages come before the installed ones."""
    environment = os.environ | KERNEL_ENVIRONMENT | {"PYTHONPATH": str(copy / "lib")}
    return subprocess.Popen([sys.executable, *arguments], cwd=copy, env=environment, **SILENT)  # noqa: S603


def peak_memory_mb(copy: Path, conf: str) -> float:
    """Run the main job once more and sample the memory of its processes, what they share counted once; in MB."""
    job = start(copy, ["-m", "training.run", conf])
    peak = 0.0
    while job.poll() is None:
        used = 0
        for process in [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]:
            with contextlib.suppress(psutil.Error):  # it has just ended
                used += process.memory_full_info().pss
        peak = max(peak, used / 1e6)
        time.sleep(0.3)
    return peak


def print_where_it_goes(copy: Path) -> None:
    """Print each notebook's wall time beside the seconds that its fits took."""
    print(f"\n{'notebook':28} {'wall s':>7} {'cells s':>8} {'fits s':>7}   (fits of the folds run side by side)")
    for executed in sorted(copy.glob("runs/*/*/notebook.ipynb")):
        wall = json.loads(executed.read_bytes())["metadata"]["papermill"]["duration"]
        timings = json.loads((executed.parent / "timings.json").read_bytes())
        fits = (
            sum(timings.get("fold_fit_seconds", [])) + timings.get("fit_seconds", 0) + timings.get("refit_seconds", 0)
        )
        print(f"{executed.parent.name:28} {wall:7.1f} {timings['notebook_seconds']:8.1f} {fits:7.1f}")


if __name__ == "__main__":
    main()
