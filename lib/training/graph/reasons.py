"""Why a notebook runs again, told apart by what doit compares: for the record of the run."""

from pathlib import Path
from typing import Any

from doit.dependency import MD5Checker, UptodateCalculator

from modelbundle.digests import digest_json

FIRST = "no finished execution is remembered"
BEFORE_RECORDS = "not known: it is remembered from before records were kept"
GONE = "its results are gone"
OWN_RESULTS = "its results were changed"  # what is left where nothing else is the reason


class Reasons(UptodateCalculator):
    """A check of doit's that decides nothing: it leaves in the task's meta its code's digest and why it would run.

    decides: what the task is made from beside its files: digests, or mappings whose keys are told apart.
    """

    def __init__(self, decides: dict[str, Any]) -> None:
        super().__init__()
        self.code, self.made_from = decides["code"], dict(_digests(decides))

    def __call__(self, task: Any, values: dict[str, Any]) -> None:
        """Called before each execution, with what the last one saved; None counts as no answer."""
        task.value_savers.append(lambda: {"made_from": self.made_from})
        task.meta = {"code": self.code, "why": [FIRST] if not values else self._why(task, values)}

    def _why(self, task: Any, values: dict[str, Any]) -> list[str]:
        found = [GONE] if any(not Path(target).exists() for target in task.targets) else []
        if "made_from" not in values:
            return [*found, BEFORE_RECORDS]
        old, new = values["made_from"], self.made_from
        found += [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        before = set(self.get_val(task.name, "deps:") or ())
        found += [f"no longer reads {_shown(file)}" for file in sorted(before - set(task.file_dep))]
        return found + [
            _shown(file) for file in sorted(task.file_dep) if file not in before or self._is_other(task, file)
        ]

    def _is_other(self, task: Any, file: str) -> bool:
        """Whether a file that the task reads is another one than the last time."""
        state = self.get_val(task.name, file)
        try:
            return state is None or MD5Checker().check_modified(file, Path(file).stat(), state)
        except OSError:  # doit says for itself that it is missing
            return True


def _digests(decides: dict[str, Any]) -> list[tuple[str, str]]:
    """Name what decides by dotted keys: `code`, `environment`, `conf.candidate`; each with a digest."""
    found = []
    for key, value in decides.items():
        parts = {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
        found += [(name, digest_json(part)[:16]) for name, part in parts.items()]
    return found


def _shown(file: str) -> str:
    path = Path(file)
    return f"results of {path.parent.name}" if path.name == "results.json" else f"file {file}"
