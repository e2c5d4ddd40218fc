"""How gunicorn runs the app, by `make serve` as in production: gunicorn -c app/gunicorn_conf.py."""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from typing import Any

# In memory where there is such a place: a worker shows that it lives by touching a file, and counts in others.
_MEMORY = "/dev/shm"  # noqa: S108 - what is put there gets a name that nobody can guess


def _counts_folder() -> str:
    """Make a folder for counts, in memory if it can be; where none can be made, name one that is not there."""
    for folder in (_MEMORY, None):  # None: the usual one, and there may be none on a root that is read-only
        with suppress(OSError):
            return tempfile.mkdtemp(prefix="metrics-", dir=folder)
    return os.devnull


# The counts of all workers are added up from here; the library looks for it when it is imported, that is below.
_counts = None if "PROMETHEUS_MULTIPROC_DIR" in os.environ else _counts_folder()
if _counts:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _counts

from joblib import cpu_count  # noqa: E402 - it knows of a container's share of the processors
from prometheus_client import multiprocess  # noqa: E402

from app.settings import read_settings  # noqa: E402
from app.standing import follow  # noqa: E402
from app.watching import access  # noqa: E402

_settings = read_settings()
# before the app is loaded, which writes there whether it is ready
access.log_to_standard_output()

wsgi_app = "app:create_app()"
bind = f"{_settings.host}:{_settings.port}"
# Measured by benchmarks/server.py: one process a processor.
workers = _settings.workers or cpu_count()
worker_class = "app.server.worker.Worker"
# The first bundle is verified and loaded once; workers start in a moment and share its memory. Each loads later ones.
preload_app = True
timeout = 30  # seconds without a sign of life until a worker is replaced
keepalive = 5  # seconds that a client may say nothing
graceful_timeout = 8  # seconds for requests in flight when the server stops; Docker kills after 10
worker_tmp_dir = _MEMORY if os.access(_MEMORY, os.W_OK) else None
# Nothing but the port can steer the server, and nothing is written to the home folder.
control_socket_disable = True


# Whose headers are believed is for the app to say (TRUSTED_PROXIES); gunicorn itself believes nobody.
forwarded_allow_ips = ""
forwarder_headers = ""


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker that is stopped before it listens for signals end at once, instead of being waited for."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def post_worker_init(worker: Any) -> None:
    """Let the worker follow the registry, before it takes the first request."""
    follow.start(worker.wsgi)


def child_exit(server: Any, worker: Any) -> None:
    """Let the library forget what only a living worker has."""
    with suppress(OSError):  # the folder may have been closed to us
        multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the counts: the next server begins at zero."""
    if _counts:
        shutil.rmtree(_counts, ignore_errors=True)
