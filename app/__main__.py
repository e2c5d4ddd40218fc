"""Start the app under gunicorn: `make serve`, or `python -m app` where nothing but the app is installed."""

import argparse
import os
import signal
import socket
import sys

from app.settings import ROOT, Settings, SettingsProblem, describe_settings, read_settings
from modelbundle.bundle import BundleProblem, current_folder


def main() -> int:
    """Check what would make gunicorn fail obscurely, then become gunicorn; returns only if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Serve the current model: a page for people at /, POST /predict for programs, /docs for the rest.",
        epilog=f"Environment variables:\n{describe_settings()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    # As the first process of a container Python would ignore SIGTERM until gunicorn listens for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings = read_settings()
        _require_free(settings)
    except (OSError, SettingsProblem) as error:
        print(f"make serve: {error}", file=sys.stderr)
        return 1
    try:
        current_folder(settings.models, settings.model_version, settings.channel)
    except BundleProblem as problem:
        print(f"make serve: {problem}. Started all the same; the answer is 503 until there is one", file=sys.stderr)
    for library in ("OMP", "OPENBLAS", "MKL"):
        # one thread for linear algebra, as in training, so that prices agree to the last bit
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.chdir(ROOT)
    print(f"Serving on http://{settings.host}:{settings.port} - stop with Ctrl+C", file=sys.stderr)
    command = [sys.executable, "-m", "gunicorn", "-c", "app/gunicorn_conf.py"]
    return os.execv(sys.executable, command)  # noqa: S606 - becomes the server


def _require_free(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise OSError(
                f"port {settings.port} of {settings.host} cannot be used ({error.strerror}); "
                "stop what listens there, or choose another: make serve PORT=5001"
            ) from None


if __name__ == "__main__":
    sys.exit(main())
