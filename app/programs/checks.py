"""Whether records keep to the data contract: every fault, by JSON pointer, with what was expected and what came."""

from __future__ import annotations

import difflib
import json
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import BeforeValidator, ConfigDict, FailFast, Field, TypeAdapter, ValidationError, WithJsonSchema
from typing_extensions import TypedDict

from modelbundle.amounts import plain
from modelbundle.cells import NUMBER

if TYPE_CHECKING:
    from modelbundle.contract import Column, Contract

# Bodies full of invented names should cost next to nothing: a record with more fields than this for each column is
# refused as a whole, and no near miss is looked for in a name longer than this.
MAX_FIELDS_PER_COLUMN = 2
MAX_SUGGESTED_LENGTH = 100

DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*", re.ASCII)

_written = json.JSONEncoder(ensure_ascii=False).encode  # of which json.dumps would make a new one each time

Record = dict[str, Any]
Fault = dict[str, str]


def record_type(contract: Contract) -> TypeAdapter[Record]:
    """Make the type of one record from the contract; validation and the schema in OpenAPI both come from it."""
    return TypeAdapter(_record(contract, extra="forbid"))


def reading_types(contract: Contract) -> tuple[TypeAdapter[Record], TypeAdapter[list[Record]]]:
    """Make the types of one record and of an array of them that `read_if_valid` reads.

    They notice the first fault and no more, and pass over unknown names: a body of nonsense may hold millions.
    """
    record = _record(contract, extra="ignore")
    return TypeAdapter(record), TypeAdapter(Annotated[list[record], FailFast()])


def _record(contract: Contract, extra: Literal["forbid", "ignore"]) -> Any:
    fields = {name: _field(name, contract) for name in contract.features}
    if name := contract.identifier:
        meaning = Field(title=name, description=contract.columns[name].description)
        finite = Annotated[float, Field(allow_inf_nan=False)]
        fields = {name: NotRequired[Annotated[str | int | finite | None, meaning]], **fields}
    record = TypedDict("Record", fields)
    record.__pydantic_config__ = ConfigDict(extra=extra, strict=True)
    return record


def _field(name: str, contract: Contract) -> Any:
    column = contract.columns[name]
    examples = [] if column.example is None else [column.example]
    more = {"x-categories": {each: column.labels.get(each, "") for each in column.known}} if column.known else {}
    meaning = Field(title=contract.label(name), description=_meaning(column), examples=examples, json_schema_extra=more)
    kind = _category(name, contract) if column.kind == "categorical" else _number(name, contract)
    return Annotated[kind, meaning] if column.required else NotRequired[Annotated[kind, meaning]]


def _meaning(column: Column) -> str:
    """What a field means, and what its categories do."""
    known = [f"{each} ({column.labels[each]})" if each in column.labels else each for each in column.known]
    return ". ".join(filter(None, (column.description, f"Known are {', '.join(known)}" if known else "")))


def _number(name: str, contract: Contract) -> Any:
    column, read = contract.columns[name], contract.readers[name]
    kind: Any = Annotated[float, Field(ge=column.minimum, le=column.maximum, allow_inf_nan=False)]
    kind = kind if column.required else kind | None
    if not any(map(NUMBER.fullmatch, contract.missing)):
        return kind
    # a number that stands for a missing one, such as -999; what else is no number is for the check to refuse
    return Annotated[kind, BeforeValidator(lambda value: read(value) if type(value) in (int, float) else value)]


def _category(name: str, contract: Contract) -> Any:
    """The type of a categorical field, which turns what came into the category in its one form."""
    column, read = contract.columns[name], contract.readers[name]
    known = frozenset(column.known)
    takes = (str, int, bool) if column.values == "truth" else (str, int)

    def category(value: Any) -> Any:
        if type(value) is str:
            return value if value in known else read(value)
        # 60.0 is a whole number in JSON: a client that has nothing but floats writes it so
        if value is None or type(value) in takes or (type(value) is float and value.is_integer()):
            return read(value)
        raise ValueError(f"{name} takes {expected(column)}")

    text: dict[str, Any] = {"type": "string"}
    if column.required:
        text |= {"pattern": r"\S", "not": {"enum": sorted(set(contract.missing) - set(column.categories or ()))}}
    kinds = [text, {"type": "integer"}]
    kinds += [{"type": "boolean"}] if column.values == "truth" else []
    kinds += [] if column.required else [{"type": "null"}]
    one = Annotated[str, Field(min_length=1)]  # which pydantic looks into, and finds what is no Unicode
    kind = one if column.required else one | None
    return Annotated[kind, BeforeValidator(category), WithJsonSchema({"anyOf": kinds})]


def read_if_valid(
    body: bytes, records: TypeAdapter[Record], arrays: TypeAdapter[list[Record]]
) -> Record | list[Record] | None:
    """Read and check JSON in one go: a record, or an array of them; None if anything at all is the matter with it.

    So nearly all requests are read. What is wrong with the others is for read_json and faults_of to find out and say.
    """
    try:
        found: Record | list[Record] = (arrays if body[:1] == b"[" else records).validate_json(body)
    except ValidationError:
        return None
    members = sum(map(len, found)) if isinstance(found, list) else len(found)
    # More colons than members: a name is unknown, or stands twice (pydantic keeps the last), or a text holds a colon.
    return found if body.count(b":") == members else None


def known_names(contract: Contract) -> tuple[str, ...]:
    """Names that a record may have."""
    return (*([contract.identifier] if contract.identifier else []), *contract.features)


def faults_of(  # noqa: PLR0913 - a record, what holds for it, how much to tell
    record: Any, pointer: str, contract: Contract, records: TypeAdapter[Record], *, suggest: bool, first: bool = False
) -> list[Fault]:
    """List the faults of one record.

    pointer: where the record stands in what the client sent; suggest: whether to look for near misses of unknown names;
    first: whether the first fault is enough.
    """
    known = known_names(contract)
    if not isinstance(record, dict):
        return [fault(pointer, "an object with the features", shown(record))]
    if len(record) > (most := MAX_FIELDS_PER_COLUMN * len(known)):
        return [fault(pointer, f"an object of at most {most} fields", f"{len(record):,} fields")]
    names = [*_faulty(record, known, records), *(name for name in record if name not in known)]
    told = islice(names, 1 if first else None)
    return [_field_fault(record, name, f"{pointer}/{escaped(name)}", contract, suggest=suggest) for name in told]


def _faulty(record: Record, known: tuple[str, ...], records: TypeAdapter[Record]) -> dict[str, None]:
    """Names of the fields that are not as the contract wants them."""
    try:
        # without names that it does not know: pydantic cannot tell of those that are no Unicode
        records.validate_python({name: record[name] for name in known if name in record})
    except ValidationError as error:
        # a union reports once for each of its types: one fault a field is enough
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return dict.fromkeys(str(each["loc"][0]) for each in found)
    return {}


def _field_fault(record: Record, name: str, at: str, contract: Contract, *, suggest: bool) -> Fault:
    if name not in (known := known_names(contract)):
        return _strange_field(record, name, at, contract, near_miss(name, known) if suggest else "")
    wanted = "a string or a finite number" if name == contract.identifier else expected(contract.columns[name])
    if record.get(name) is None:
        return fault(at, wanted, "null" if name in record else "nothing", f"{name} is required: ")
    if type(record[name]) in (str, int) and contract.readers[name](record[name]) is None:
        return fault(at, wanted, f"{shown(record[name])}, which means missing", f"{name} is required: ")
    found = fault(at, wanted, shown(record[name]), f"{name}: ")
    if isinstance(record[name], str) and DECIMAL_COMMA.fullmatch(record[name]):
        found["detail"] += "; a decimal comma? Write a point"
    return found


def _strange_field(record: Record, name: str, at: str, contract: Contract, near: str) -> Fault:
    if name == contract.target:
        detail = f"{name} is what the model predicts; leave it out"
        return {"pointer": at, "detail": detail, "expected": "no such field", "got": shown(record[name])}
    detail = f"{shown(name)} is no field of this model" + (f"; did you mean {near}?" if near else "")
    return {"pointer": at, "detail": detail, "expected": near or "no such field", "got": shown(name)}


@lru_cache(maxsize=1000)
def near_miss(name: str, known: tuple[str, ...]) -> str:
    """Which of the known names is probably meant; empty if none is near."""
    if len(name) > MAX_SUGGESTED_LENGTH:
        return ""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else ""


def expected(column: Column) -> str:
    """Say what a field takes: `a number from 100 to 2,000,000 (sq ft)`."""
    if column.values == "truth":
        return "true or false, or a string such as yes or no"
    if column.kind == "categorical":
        return "a category, as a string or a whole number"
    unit = f" ({column.unit})" if column.unit else ""
    if column.minimum is not None and column.maximum is not None:
        return f"a number from {plain(column.minimum)} to {plain(column.maximum)}{unit}"
    if column.minimum is not None:
        return f"a number of at least {plain(column.minimum)}{unit}"
    if column.maximum is not None:
        return f"a number of at most {plain(column.maximum)}{unit}"
    return f"a finite number{unit}"


def fault(pointer: str, wanted: str, got: str, subject: str = "") -> Fault:
    """Make one entry of a problem's errors; subject: what the sentence begins with."""
    return {"pointer": pointer, "detail": f"{subject}expected {wanted}; got {got}", "expected": wanted, "got": got}


def shown(value: Any) -> str:
    """Write a value as JSON, as far as a person reads it."""
    if isinstance(value, dict):
        return f"an object of {len(value):,} fields"
    if isinstance(value, list):
        return f"an array of {len(value):,} values"
    if type(value) is int and abs(value) > 10**1000:  # to write it out takes time with the square of its digits
        return f"a whole number of some {value.bit_length() * 0.30103:,.0f} digits"
    text = _written(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def escaped(name: str) -> str:
    """Escape a name for a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
