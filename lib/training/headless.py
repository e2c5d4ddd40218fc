"""What surrounds a run: the project's settings and nobody's own, so that it ends alike for everyone.

By hand, by make lab, a person's own settings stay.
"""

import importlib
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

from training.paths import CACHE

# Notebooks run side by side and use their cores for folds: one thread each for linear algebra keeps them from fighting
# over the cores, and the sums in one order, so that two runs agree to the last bit. A fixed hash seed fixes set order.
KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}

# People's and machines' own settings of what a run uses begin like these.
_OWN = ("PYTHON", "IPYTHON", "JUPYTER", "JPY_", "NBCONVERT_", "MPL", "MATPLOTLIB", "TQDM_", "JOBLIB_", "LOKY_")
_OWN += ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_")
_OWN += ("NPY_", "NUMPY_", "SCIPY_", "SKLEARN_", "PANDAS_")

_loading = threading.Lock()


def environment(own: Path = CACHE) -> dict[str, str]:
    """The environment of what runs without people: kernels, and whatever else reads the user's settings.

    own: a folder that is there, in which Jupyter and IPython look for settings and so find none. That of matplotlib is
    one for all, since it keeps the list of fonts, which takes a while to make.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    # The one that says where code is, such as an estimator that the configuration names. make run ignores it too.
    if "PYTHONPATH" in os.environ and not sys.flags.ignore_environment:
        inherited["PYTHONPATH"] = os.environ["PYTHONPATH"]
    folders = {"IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter", "JUPYTER_DATA_DIR": "jupyter"}
    return {
        **inherited,
        **KERNEL_ENVIRONMENT,
        "PYTHONNOUSERSITE": "1",
        "MPLCONFIGDIR": str(CACHE / "matplotlib"),
        **{name: str(own / folder) for name, folder in folders.items()},
    }


def settle() -> None:
    """Let this process go by the project's settings, as it needs them and as those that it starts inherit them."""
    CACHE.mkdir(exist_ok=True)
    settings = environment()
    for name in set(os.environ) - set(settings):
        del os.environ[name]
    os.environ.update(settings)
    if sys.warnoptions:  # somebody's PYTHONWARNINGS, which may be error
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
    # JupyterLab brings a grammar of IRIs that jsonschema would compile for a second whenever it is imported.
    sys.modules.setdefault("rfc3987_syntax", None)
    # A run that is ended so leaves its record first, as one that is ended by Ctrl-C.
    signal.signal(signal.SIGTERM, _terminated)


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end."""


def _terminated(_number: int, _frame: object) -> None:
    raise Terminated


def end() -> int:
    """End as whoever sent SIGTERM expects it, by that signal."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    return 128 + signal.SIGTERM  # where somebody blocks it


def load(*modules: str) -> None:
    """Import modules in one thread at a time: of packages that import each other, two might see half of another."""
    with _loading:
        for module in modules:
            importlib.import_module(module)
