"""The named schemas of the interface's description: records, answers, problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.answers import WARNINGS

if TYPE_CHECKING:
    from app.service import Service

STRING, NUMBER, OBJECT = {"type": "string"}, {"type": "number"}, {"type": "object"}


def array(items: dict[str, Any], **limits: int) -> dict[str, Any]:
    """Describe an array of items that are all alike."""
    return {"type": "array", "items": items, **limits}


def members(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object; required: names of the members that are always there."""
    return OBJECT | {"required": required.split(), "properties": properties}


def schemas(service: Service) -> dict[str, Any]:
    """Describe what the paths have in common, by name; the records are those of the bundle's contract."""
    texts = dict.fromkeys(("type", "title", "detail", "request_id"), STRING)
    problem = texts | {"status": {"type": "integer"}, "errors": array(_fault())}
    return {
        "Record": service.records.json_schema(),
        "Predictions": _predictions(service),
        "Problem": members("type title status detail request_id", problem),
    }


def _fault() -> dict[str, Any]:
    return members("pointer detail", dict.fromkeys(("pointer", "detail", "expected", "got"), STRING))


def _predictions(service: Service) -> dict[str, Any]:
    name, record = service.contract.identifier, service.records.json_schema()
    named = {name: record["properties"][name]} if name else {}
    answers = [
        members("prediction warnings", named | _priced(service)),
        members("errors", named | {"errors": array(_fault())}),
    ]
    document = {
        "model": {"const": service.bundle.manifest["name"]},
        "version": {"const": service.bundle.version},
        "target": {"const": service.contract.target},
        "unit": {"const": service.contract.unit},
        "predictions": array({"anyOf": answers}),
    }
    return members(" ".join(document), document)


def _priced(service: Service) -> dict[str, Any]:
    contract = service.contract
    warning = members("kind feature detail", {"kind": {"enum": list(WARNINGS)}, "feature": STRING, "detail": STRING})
    interval = members("level low high", dict.fromkeys(("level", "low", "high"), NUMBER))
    explained = {"explanation": _explanation(contract.features)} if service.bundle.typical else {}
    prediction = NUMBER | {"description": contract.label(contract.target)}
    return {"prediction": prediction, "interval": interval, **explained, "warnings": array(warning)}


def _explanation(features: list[str]) -> dict[str, Any]:
    amounts = dict.fromkeys(features, NUMBER)
    parts = {
        "typical": NUMBER | {"description": "What the model predicts for the typical record"},
        "contributions": OBJECT | {"required": features, "properties": amounts, "additionalProperties": False},
    }
    about = "With explain=true: typical and all contributions together are the prediction"
    return members("typical contributions", parts) | {"description": about}
