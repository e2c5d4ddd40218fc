"""The named schemas of the interface's description: records, answers, problems. Generated clients name classes so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.programs.unusual import WARNINGS

if TYPE_CHECKING:
    from app.programs.service import Service

STRING, NUMBER, OBJECT = {"type": "string"}, {"type": "number"}, {"type": "object"}


def array(items: dict[str, Any], **limits: int) -> dict[str, Any]:
    """Describe an array of items that are all alike."""
    return {"type": "array", "items": items, **limits}


def members(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object; required: names of the members that are always there."""
    return OBJECT | {"required": required.split(), "properties": properties}


def ref(name: str) -> dict[str, Any]:
    """Refer to one of the named schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(service: Service) -> dict[str, Any]:
    """Describe what the paths have in common, by name; the records are those of the bundle's contract."""
    record, contract = service.records.json_schema(), service.contract
    named = {contract.identifier: record["properties"][contract.identifier]} if contract.identifier else {}
    texts = dict.fromkeys(("type", "title", "detail", "request_id"), STRING)
    document = dict.fromkeys(("model", "version", "target", "unit"), STRING)
    document |= {"predictions": array({"anyOf": [ref("Prediction"), ref("Refusal")]})}
    explained = {"Explanation": _explanation(contract.features)} if service.bundle.typical else {}
    return {
        "Record": record,
        "Predictions": members(" ".join(document), document),
        "Prediction": members("prediction warnings", named | _priced(service)),
        "Interval": members("level low high", dict.fromkeys(("level", "low", "high"), NUMBER)),
        **explained,
        "Warning": members(
            "kind feature detail", {"kind": {"enum": list(WARNINGS)}, **dict.fromkeys(("feature", "detail"), STRING)}
        ),
        "Refusal": members("errors", named | {"errors": array(ref("Fault"))}),
        "Fault": members("pointer detail", dict.fromkeys(("pointer", "detail", "expected", "got"), STRING)),
        "Invocation": members("dataframe_records", {"dataframe_records": array(ref("Record"), minItems=1)})
        | {"additionalProperties": False},
        "Numbers": members("predictions", {"predictions": array(NUMBER)}),
        "Problem": members(
            "type title status detail request_id",
            texts | {"status": {"type": "integer"}, "errors": array(ref("Fault"))},
        ),
    }


def _priced(service: Service) -> dict[str, Any]:
    explained = {"explanation": ref("Explanation")} if service.bundle.typical else {}
    prediction = NUMBER | {"description": service.contract.label(service.contract.target)}
    return {"prediction": prediction, "interval": ref("Interval"), **explained, "warnings": array(ref("Warning"))}


def _explanation(features: list[str]) -> dict[str, Any]:
    amounts = dict.fromkeys(features, NUMBER)
    parts = {
        "typical": NUMBER | {"description": "What the model predicts for the typical record"},
        "contributions": OBJECT | {"required": features, "properties": amounts, "additionalProperties": False},
    }
    about = "With explain=true: typical and all contributions together are the prediction"
    return members("typical contributions", parts) | {"description": about}
