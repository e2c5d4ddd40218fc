"""The one place that knows where the project is: notebooks start in their own folder, papermill elsewhere."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
CACHE = ROOT / ".cache"
# What make compare leaves among the reports: it is about two runs, and belongs to no bundle.
COMPARISON = "compare.html"


def from_root(path: str | Path) -> Path:
    """Resolve a path that is written relative to the project's root; an absolute one stays."""
    return ROOT / path


def to_root(path: Path) -> str:
    """Write a path as people name it: relative to the project's root where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
