"""Asking a service from outside whether it is ready, is the release that is meant, and gives the golden prices.

`make probe URL=http://127.0.0.1:5000` asks whatever runs there for the prices in dist/.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import requests

from delivery.problems import DeliveryProblem

PRICE_STEP = 0.01  # answers are rounded to cents


def main(arguments: list[str] | None = None) -> int:
    """Probe once for each second until the service answers as it should, or the time is over."""
    parser = argparse.ArgumentParser(prog="make probe", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="where the service answers")
    parser.add_argument("--golden", type=Path, help="golden.json of the bundle that should answer")
    parser.add_argument("--release", default="", help="the release that should answer, such as an image's digest")
    parser.add_argument("--seconds", type=float, default=60, help="how long to wait for it (default: %(default)s)")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter or a sign
    try:
        probe(options.url, options.golden, options.release, options.seconds)
    except DeliveryProblem as problem:
        print(f"make probe: {problem}", file=sys.stderr)
        return 1
    print(f"{options.url} is ready and answers as it should")
    return 0


def probe(url: str, golden: Path | None, release: str, seconds: float) -> None:
    """Wait until the service is ready in the given release, then compare its answers with the golden ones.

    golden: a bundle's golden.json; None asks for no prices. release: "" accepts any.
    Raises DeliveryProblem with the last answer if it is not ready in time, or with the first price that differs.
    """
    limit = time.monotonic() + seconds
    while said := _not_ready(url, release):
        if time.monotonic() > limit:
            raise DeliveryProblem(f"{url}/readyz was not ready within {seconds:g} s; {said}")
        time.sleep(1)
    if golden:
        _compare(url, json.loads(golden.read_bytes()))


def _not_ready(url: str, release: str) -> str:
    """Why the service is not ready yet; "" if it is."""
    try:
        answer = requests.get(f"{url}/readyz", timeout=10)
        state = dict(answer.json())
    except (requests.RequestException, TypeError, ValueError) as error:
        return f"the last answer: {error}"
    if answer.status_code != 200:
        return f"the last answer: {answer.status_code} {state.get('detail', '')}"
    if release and state.get("release") != release:
        return f"expected release {release}; it serves {state.get('release', 'an unnamed one')}"
    return ""


def _compare(url: str, golden: dict[str, Any]) -> None:
    expected = [request["prediction"] for request in golden["requests"]]
    records = [request["record"] for request in golden["requests"]]
    try:
        answer = requests.post(f"{url}/predict", json=records, timeout=30)
        got = [float(one["prediction"]) for one in answer.json()["predictions"]] if answer.ok else []
    except (requests.RequestException, LookupError, TypeError, ValueError) as error:
        raise DeliveryProblem(f"{url}/predict gave no predictions: {error!r}") from error
    if len(got) != len(expected):
        raise DeliveryProblem(f"{url}/predict answered {answer.status_code}: {answer.text[:300]}")
    tolerance = golden["relative_tolerance"]
    for number, (prediction, price) in enumerate(zip(got, expected, strict=True)):
        if not math.isclose(prediction, price, rel_tol=tolerance, abs_tol=PRICE_STEP):
            raise DeliveryProblem(
                f"{url}/predict: golden request {number} should give {price:.2f}, it gave {prediction:.2f}"
            )


if __name__ == "__main__":
    sys.exit(main())
