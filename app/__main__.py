"""Start the app under gunicorn: `make serve`, or `python -m app` where nothing but the app is installed."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from app import ROOT
from modelbundle.bundle import BundleProblem, current_folder, load_bundle


def main() -> int:
    """Check what would make gunicorn fail obscurely, then become gunicorn; returns only if it cannot start."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "5000")
    # As the first process of a container Python would ignore SIGTERM until gunicorn listens for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _require_free(host, port)
        load_bundle(current_folder(Path(os.environ.get("MODELS") or ROOT / "models")))
    except (BundleProblem, OSError, ValueError) as error:
        print(f"make serve: {error}", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    # No control socket: nothing but the port can steer the server, and nothing is written to the home folder.
    options = ["--bind", f"{host}:{port}", "--workers", "2", "--no-control-socket", "app:create_app()"]
    return os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options])  # noqa: S606 - becomes the server


def _require_free(host: str, port: str) -> None:
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"PORT should be a number from 1 to 65535; found {port!r}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise OSError(
                f"port {port} of {host} cannot be used ({error.strerror}); "
                "stop what listens there, or choose another: make serve PORT=5001"
            ) from None


if __name__ == "__main__":
    sys.exit(main())
