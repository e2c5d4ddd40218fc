"""Settings of a person who has made everything their own, each of which would break a run that read it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RAISE = "raise RuntimeError('somebody\\'s own settings were read')\n"
RC = "text.usetex: True\nfont.size: 40\nbackend: nonsense\n"
LATIN_1 = "de_DE.ISO-8859-1"


def personal_settings(home: Path, project: Path) -> dict[str, str]:
    """Fill a home folder, and the project's, with such files; returns the environment that names them."""
    kernel = json.dumps({"argv": ["false", "{connection_file}"], "display_name": "mine", "language": "python"})
    files = {
        "ipython/profile_default/startup/00-mine.py": RAISE,
        "ipython/profile_default/ipython_config.py": RAISE,
        "ipython/profile_default/ipython_kernel_config.py": "c.InteractiveShellApp.exec_lines = ['1 / 0']\n",
        "matplotlib/matplotlibrc": RC,
        "jupyter/jupyter_nbconvert_config.py": RAISE,
        "jupyter/jupyter_config.py": RAISE,
        "data/kernels/python3/kernel.json": kernel,
        "data/nbconvert/templates/base/null.j2": "{{ somebodys_own() }}",
        "data/nbconvert/templates/base/display_priority.j2": "{{ somebodys_own() }}",
        "startup.py": RAISE,
    }
    # where the programs look by themselves
    for here, there in {"ipython": ".ipython", "matplotlib": ".config/matplotlib", "jupyter": ".jupyter"}.items():
        files |= {name.replace(here, there, 1): text for name, text in files.items() if name.startswith(f"{here}/")}
    files |= {name.replace("data", ".local/share/jupyter", 1): text for name, text in files.items() if "data/" in name}
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    for name in ("matplotlibrc", "notebooks/matplotlibrc"):
        (project / name).write_text(RC, encoding="utf-8")
    temporary = home / f"mine, längst {'long ' * 20}"
    temporary.mkdir()
    return {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "IPYTHONDIR": str(home / "ipython"),
        "MATPLOTLIBRC": str(home / "matplotlib"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "MPLBACKEND": "nonsense",
        "JUPYTER_CONFIG_DIR": str(home / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(home / "jupyter"),
        "JUPYTER_PATH": str(home / "data"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "PYTHONSTARTUP": str(home / "startup.py"),
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "PYTHONHASHSEED": "7",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUSERBASE": str(home / "userbase"),
        "OMP_NUM_THREADS": "7",
        "OPENBLAS_NUM_THREADS": "7",
        "SKLEARN_WORKING_MEMORY": "nonsense",
    }


def latin_1(folder: Path) -> dict[str, str]:
    """The environment of a terminal in Latin-1, which lacks half of our signs; fails where no locale can be made."""
    made = folder / LATIN_1
    if not (program := shutil.which("localedef")):
        pytest.fail("there is no localedef; on Debian: apt install libc-bin")
    done = subprocess.run([program, "-i", "de_DE", "-f", "ISO-8859-1", str(made)], capture_output=True, check=False)
    environment = {"LOCPATH": str(folder), "LC_ALL": LATIN_1, "LANG": LATIN_1, "LANGUAGE": "de"}
    asked = [sys.executable, "-c", "import locale; print(locale.getencoding())"]
    found = subprocess.run(asked, env=os.environ | environment, capture_output=True, check=True).stdout.strip()
    assert found == b"ISO-8859-1", f"no such locale was made; on Debian: apt install locales\n{done.stderr.decode()}"
    return environment
