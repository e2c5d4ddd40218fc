"""Opening the report: `make report`."""

import sys
import webbrowser

from training.config.conf import load_conf
from training.graph.graph import reports_folder
from training.paths import to_root
from training.problems import RunProblem, status_of


def main() -> int:
    """Print where the report is, and open it where there is a desktop; returns the exit status."""
    return status_of("make report", lambda: _show(sys.argv[1]))


def _show(conf: str) -> None:
    page = reports_folder(load_conf(conf)) / "report.html"
    if not page.exists():
        raise RunProblem(f"{to_root(page)} does not exist yet; make run makes it")
    print(to_root(page))
    webbrowser.open(page.as_uri())


if __name__ == "__main__":
    sys.exit(main())
