"""Opening the report: `make report`."""

import sys
import webbrowser

from training.config.conf import load_conf
from training.graph.graph import reports_folder
from training.paths import to_root
from training.problems import Problem


def main() -> int:
    """Print where the report is, and open it where there is a desktop; returns the exit status."""
    sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter or a sign
    try:
        page = reports_folder(load_conf(sys.argv[1])) / "report.html"
    except Problem as problem:
        print(f"make report: {problem}", file=sys.stderr)
        return 1
    if not page.exists():
        print(f"make report: {to_root(page)} does not exist yet; make run makes it", file=sys.stderr)
        return 1
    print(to_root(page))
    webbrowser.open(page.as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
