"""Pages for people: a form made from the contract, a CSV for many records, the interface to try, the reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Response, current_app, render_template, request, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.utils import safe_join

import modelbundle
from app.problems import Problem
from app.programs.answers import answer_table
from app.programs.checks import escaped, expected, known_names
from app.programs.explain import Reasons, reasons
from app.programs.openapi import openapi_document
from app.programs.predict import answered
from app.programs.reading import Batch, cells_to_record, csv_batch
from app.programs.service import Service, service
from modelbundle.amounts import amount, percent, plain
from modelbundle.cells import category
from modelbundle.digests import digest_bytes

if TYPE_CHECKING:
    from modelbundle.contract import Column

STATIC = Path(__file__).parent / "static"
# The reports bring their own styles inside them, and are not among the verified files: they may run nothing at all.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What an address may hold; half is room for other values than the example's.
LONGEST_ADDRESS = 4000
REPORT_NAV = '<nav aria-label="Reports">'


@dataclass(frozen=True)
class Input:
    """One field of the form: the column it asks for, what stands in it, and what is wrong with that."""

    name: str
    column: Column
    value: str
    fault: str

    @property
    def hint(self) -> str:
        """What training saw, for a number."""
        if self.column.seen_minimum is None or self.column.seen_maximum is None:
            return ""
        return f"{plain(self.column.seen_minimum)} to {plain(self.column.seen_maximum)} in training"


def home() -> tuple[str, int]:
    """Show the form, with the contract's example filled in; or with what the address says of it, and the answer."""
    serving = service()
    asked = any(name in request.args for name in serving.contract.features)
    return _answered(serving, request.args) if asked else (_page(serving), 200)


def one() -> tuple[str, int]:
    """Answer the form, where what it holds is too much for an address."""
    return _answered(service(), request.form)


def _answered(serving: Service, form: Mapping[str, str]) -> tuple[str, int]:
    # a browser sends the end of a line in a category as two characters
    sent = {name: form.get(name, "").replace("\r\n", "\n") for name in serving.contract.features}
    record, explain = cells_to_record(sent.items(), serving.contract), serving.bundle.typical is not None
    (answer,) = answered(Batch([record], [""]), serving, partial=True, explain=explain)
    return _page(serving, sent, answer, why=reasons(answer, record, serving.bundle)), 422 if "errors" in answer else 200


def many() -> Response:
    """Give the CSV file back with a prediction in each row, or with what is wrong with the row."""
    serving = service()
    file = request.files.get("table")
    if file is None or not file.filename:
        raise Problem(400, "No file was chosen", "choose a CSV file with a header first")
    batch = csv_batch(file.read(), serving.contract, current_app.config["MAX_RECORDS"])
    answers = answered(batch, serving, partial=True)
    table = answer_table(answers, batch, serving.bundle, partial=True)
    response = Response(table, mimetype="text/csv")
    response.headers["Content-Disposition"] = "attachment; filename=predictions.csv"
    refused = sum("errors" in answer for answer in answers)
    response.headers["Records-Priced"], response.headers["Records-Refused"] = str(len(answers) - refused), str(refused)
    return response


def docs() -> str:
    """Show the interface, with a request to send for each path."""
    serving = service()
    document = openapi_document(serving, current_app.config["MAX_RECORDS"])
    return render_template(
        "docs.html", document=document, contract=serving.contract, expected=expected, facts=_facts(serving)
    )


def report() -> Response:
    """Show the front page of the reports of the model that is served; its links lead below /report/."""
    return _report("report.html")


def report_page(page: str) -> Response:
    """Show one of the other pages of the reports."""
    return _report(f"report/{page}")


def static(name: str) -> Response:
    """Give the pages their style and script."""
    folder = Path(modelbundle.__file__).parent if name == "look.css" else STATIC
    response = send_from_directory(folder, name)
    response.headers["Cache-Control"] = "no-cache"
    return response


def icon() -> Response:
    """Give the pages' icon to browsers that ask for one by this old name, as they do for the reports."""
    return static("icon.svg")


def refusal(problem: Problem) -> tuple[str, int]:
    """Tell a person why there is no page, or no answer to a form."""
    if problem.status in (404, 405, 503):
        registry = str(current_app.extensions["following"].settings.models)
        reason = problem.detail.replace(f"{registry}/", "").replace(registry, "the registry")  # where it lies is ours
        return render_template("nothing.html", problem=problem, reason=reason, facts=None), problem.status
    details = "; ".join(fault["detail"] for fault in problem.members.get("errors", []))
    return _page(service(), alert=f"{problem.title}: {details or problem.detail}."), problem.status


def root() -> str:
    """Where the app begins, as seen from the page that is asked for: so links lead there below any prefix."""
    return "../" * (request.path.count("/") - 1) or "./"


def _report(page: str) -> Response:
    bundle = service().bundle.folder
    path = Path(safe_join(str(bundle / "reports"), page) or bundle)
    if not path.is_file() or not path.resolve().is_relative_to((bundle / "reports").resolve()):  # a link may lead out
        raise NotFound
    found = path.stat()
    html = _published(bundle, path, (found.st_ino, found.st_ctime_ns))
    # read from a disk a report has nowhere to go back to, here it has
    back = f'{REPORT_NAV}\n<a href="{root()}">Predict</a>'.encode()
    response = Response(html.replace(REPORT_NAV.encode(), back, 1), mimetype="text/html")
    response.headers["Content-Security-Policy"] = REPORT_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@lru_cache(maxsize=8)  # some megabytes
def _published(bundle: Path, path: Path, mark: tuple[int, int]) -> bytes:
    """Read and check a report, once for as long as its file stays as it is, which the mark tells. Raises Problem."""
    html, known = path.read_bytes(), _digests(bundle)
    page = path.relative_to(bundle / "reports").as_posix()
    if known and known.get(page) != digest_bytes(html):
        raise Problem(404, "The report was changed", f"{page} is not what was published; make run publishes it anew")
    return html


def _digests(bundle: Path) -> dict[str, str]:
    """The digests of a bundle's reports; none where it was published before they were told."""
    try:
        return json.loads((bundle / "run.json").read_bytes())["reports"]
    except (OSError, ValueError, KeyError):
        return {}


def _page(
    serving: Service,
    sent: dict[str, str] | None = None,
    answer: dict[str, Any] | None = None,
    why: Reasons | None = None,
    alert: str = "",
) -> str:
    contract = serving.contract
    values = contract.example() if sent is None else sent
    faults = {fault["pointer"]: fault["expected"] for fault in (answer or {}).get("errors", [])}
    at_fields = {name: faults.get(f"/{escaped(name)}", "") for name in contract.features}
    inputs = [
        Input(name, contract.columns[name], _field_text(values.get(name, ""), contract.columns[name]), fault)
        for name, fault in at_fields.items()
    ]
    short = len(urlencode({each.name: each.value for each in inputs})) < LONGEST_ADDRESS / 2
    return render_template(
        "home.html", method="get" if short else "post", inputs=inputs, answer=answer, why=why, alert=alert,
        contract=contract, facts=_facts(serving), amount=amount, percent=percent,
        header=",".join(known_names(contract)),
    )  # fmt: skip


def _field_text(value: Any, column: Column) -> str:
    """A value as the form holds it: a category as the list of choices has it."""
    return category(value, column.values) if column.kind == "categorical" else str(value)


def _facts(serving: Service) -> dict[str, Any]:
    """Say in a few words what is served: title, version and typical error."""
    manifest = serving.bundle.manifest
    return {
        "title": manifest.get("title", manifest["name"]),
        "winner": manifest.get("winner", ""),
        "version": serving.bundle.version,
        "record": serving.record,
        "errors": [
            f"{metric['label']} {amount(metric['holdout'], metric['unit'])}"
            for metric in manifest.get("metrics", {}).values()
        ],
    }
