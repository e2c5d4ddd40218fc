"""Reading YAML so that nothing is taken for something else: YAML 1.1 reads NO as false, 010 as 8 and 1:30 as 90."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from training.problems import ConfigProblem

# The only way of writing a whole number that everybody reads alike.
_PLAIN = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_TAG = "tag:yaml.org,2002:"


def read_yaml(text: str) -> Any:
    """Read a YAML document of plain values.

    Raises ConfigProblem, with the line, for what is no YAML, and for what stands without quotes and means something
    else to YAML than to people: a number in a form that few know, a category or a name that is no text.
    """
    loader = yaml.SafeLoader(text)
    try:
        document = loader.get_single_node()
        if document is None:
            return None
        if traps := list(_traps(document)):
            raise ConfigProblem("; ".join(traps))
        return loader.construct_document(document)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigProblem(f"is not YAML: {error}") from error
    finally:
        loader.dispose()


def _traps(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        if _is_odd_number(node):
            yield _told(node)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _traps(item)
    else:
        for key, value in node.value:
            yield from ([_told(key)] if _is(key, "bool", "null", "timestamp") else _traps(key))
            yield from (_traps_among_categories(value, node) if _lists_categories(key, value) else _traps(value))


def _is_odd_number(node: yaml.ScalarNode) -> bool:
    base_sixty = _is(node, "int", "float") and ":" in node.value
    return base_sixty or (_is(node, "int") and not _PLAIN.fullmatch(node.value.replace("_", "")))


def _lists_categories(key: yaml.Node, value: yaml.Node) -> bool:
    return key.value == "categories" and isinstance(value, yaml.SequenceNode)


def _traps_among_categories(categories: yaml.SequenceNode, column: yaml.MappingNode) -> Iterator[str]:
    """Categories are text or whole numbers; truth values where the column says that it holds such."""
    values = {key.value: value.value for key, value in column.value}.get("values")
    for item in categories.value:
        plain = _is(item, "str") or (_is(item, "int") and _PLAIN.fullmatch(item.value))
        if not (plain or (values == "truth" and _is(item, "bool")) or (values == "whole" and _is(item, "float"))):
            yield _told(item)


def _is(node: yaml.Node, *kinds: str) -> bool:
    return node.tag.removeprefix(_TAG) in kinds


def _told(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return f"line {node.start_mark.line + 1}: expected a text; found a list or a mapping"
    read = yaml.SafeLoader("").construct_object(node)
    return (
        f'line {node.start_mark.line + 1}: YAML reads {node.value or "nothing"} as {read!r}; quote it: "{node.value}"'
    )
