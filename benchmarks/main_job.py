"""Time the main job against a plain script with the same fits: `make bench`.

Both sides alternate in fresh copies of the checkout, so that neither finds results of an earlier run and the ratio
holds on a noisy machine. Then the last run's own timings tell where the rest goes.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from training.paths import ROOT
from training.run import KERNEL_ENVIRONMENT

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
        print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
        print_where_it_goes(copy)


def fresh_copy(copy: Path) -> None:
    """Copy what a run reads, and none of what runs made."""
    shutil.rmtree(copy, ignore_errors=True)
    for tree in TREES:
        shutil.copytree(ROOT / tree, copy / tree, ignore=shutil.ignore_patterns("__pycache__", "downloads"))
    shutil.copy(ROOT / "dodo.py", copy)


def seconds(copy: Path, arguments: list[str]) -> float:
    """Wall time of a Python process in the copy, whose packages come before the installed ones."""
    environment = os.environ | KERNEL_ENVIRONMENT | {"PYTHONPATH": str(copy / "lib")}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - start


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
