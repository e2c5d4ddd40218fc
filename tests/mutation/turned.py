"""What can be turned in a piece of Python: an operator, a condition, a constant, a result."""

from __future__ import annotations

import ast
import copy
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
COMPUTED |= {ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr}
# What nothing does: types, how wide a number is written, help for people, whether an object refuses to be changed, and
# how thick, pale or large something in a picture is.
PASSED_BY = {"annotation", "returns", "format_spec"}
WORDS = {"help", "description", "frozen", "slots"}
LOOKS = {"alpha", "capsize", "elinewidth", "figsize", "fontsize", "linewidth", "linewidths", "markeredgewidth"}
LOOKS |= {"markersize", "rasterized", "s", "weight", "xytext"}


@dataclass(frozen=True)
class Mutation:
    """One turned thing: the number-th of its file; `lines` are those whose tests might notice."""

    path: str
    number: int
    kind: str
    line: int
    lines: frozenset[int]
    in_function: bool
    before: str
    after: str


@dataclass(frozen=True)
class _Place:
    """Where a node stands: holder[key] or holder.key, and around it the statement, in a function or not."""

    node: ast.AST
    holder: Any
    key: Any
    statement: ast.stmt
    in_function: bool

    def put(self, other: ast.AST) -> None:
        if isinstance(self.holder, list):
            self.holder[self.key] = other
        else:
            setattr(self.holder, self.key, other)


def mutations(path: str, source: str) -> list[Mutation]:
    """Everything that can be turned in a file, in a fixed order."""
    return [mutation for mutation, _ in _turned(path, ast.parse(source))]


def mutated(source: str, mutation: Mutation) -> str:
    """The file with one thing turned; its comments are lost."""
    tree = ast.parse(source)
    _, turn = next(itertools.islice(_turned(mutation.path, tree), mutation.number, None))
    turn()
    return ast.unparse(ast.fix_missing_locations(tree))


def _turned(path: str, tree: ast.Module) -> Iterator[tuple[Mutation, Callable[[], None]]]:
    number = itertools.count()
    for place in _places(tree, None, False):
        for kind, other in _variants(place.node):
            shown = [getattr(node, "test", node) for node in (place.node, other)]
            span = shown[0].target if isinstance(place.node, ast.comprehension) else shown[0]
            lines = frozenset([place.statement.lineno, *range(span.lineno, span.end_lineno + 1)])
            told = [ast.unparse(node).strip() for node in shown]
            mutation = Mutation(path, next(number), kind, span.lineno, lines, place.in_function, *told)
            yield mutation, lambda place=place, other=other: place.put(other)


def _places(node: ast.AST, statement: ast.stmt | None, inside: bool) -> Iterator[_Place]:
    for name, value in ast.iter_fields(node):
        holder, children = (value, enumerate(value)) if isinstance(value, list) else (node, [(name, value)])
        deeper = inside or (isinstance(node, ast.FunctionDef | ast.Lambda) and name == "body")
        for key, child in children:
            if isinstance(child, ast.AST) and name not in PASSED_BY and not _does_nothing(child, node):
                around = child if isinstance(child, ast.stmt) else statement
                yield _Place(child, holder, key, around, deeper)
                yield from _places(child, around, deeper)


def _does_nothing(node: ast.AST, above: ast.AST) -> bool:
    """Whether nothing runs of a node, or only words or looks for people come of it."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
    if isinstance(node, ast.Constant):
        return isinstance(above, ast.Expr | ast.JoinedStr)
    return isinstance(node, ast.Raise) or (isinstance(node, ast.keyword) and node.arg in WORDS | LOOKS)


def _variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """A node with one thing turned, in each way that there is."""
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            other = COMPARED[type(operator)]()
            yield "comparison", _with(node, ops=[*node.ops[:number], other, *node.ops[number + 1 :]])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in COMPUTED:
        yield "arithmetic", _with(node, op=COMPUTED[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield "condition", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "condition" if isinstance(node.op, ast.Not) else "arithmetic", node.operand
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition", _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield "condition", _with(node, ifs=[ast.UnaryOp(ast.Not(), node.ifs[0]), *node.ifs[1:]])
    elif isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield "result", _with(node, value=ast.Constant(None))
    elif isinstance(node, ast.Constant):
        yield from (("constant", ast.Constant(value)) for value in _moved(node.value))


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _moved(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1]
    return ["" if value else "x"] if isinstance(value, str) else []
