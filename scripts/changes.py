"""The changes of one token that a module can suffer, and its code with one of them. Nothing is run here."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
PAIRS = (("min", "max"), ("any", "all"), ("minimum", "maximum"), ("floor", "ceil"), ("argmin", "argmax"))
NAMES = {name: other for pair in PAIRS for name, other in (pair, pair[::-1])}


@dataclass(frozen=True)
class Change:
    """One change: the `node`-th node of a module's tree gets another value for `field`."""

    module: str
    node: int
    field: str
    value: Any
    label: str


def changes_of(module: str, source: str, only: Sequence[str] = ()) -> list[Change]:
    """Return every change of a module; texts, annotations and errors' messages stay as they are."""
    tree = ast.parse(source)
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    return [
        Change(module, numbers[id(node)], field, value, f"{place}: {_label(node, field, value)}")
        for place, node in _code(tree, "", only)
        for field, value in _variants(node)
    ]


def _code(node: ast.AST, place: str, only: Sequence[str]) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node that computes something, with the name of the function or class that it stands in."""
    for field, child in ast.iter_fields(node):
        for part in child if isinstance(child, list) else [child]:
            if not isinstance(part, ast.AST) or field in ("annotation", "returns", "decorator_list"):
                continue
            if isinstance(part, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
                continue
            inside = place
            if isinstance(part, ast.FunctionDef | ast.ClassDef):
                inside = f"{place}.{part.name}".removeprefix(".")
                if only and not place and part.name not in only:
                    continue
            elif only and not place:
                continue
            yield inside, part
            yield from _code(part, inside, only)


def _variants(node: ast.AST) -> Iterator[tuple[str, Any]]:
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            if type(operator) in COMPARISONS:
                yield "ops", [*node.ops[:number], COMPARISONS[type(operator)](), *node.ops[number + 1 :]]
    elif isinstance(node, ast.BoolOp):
        yield "op", ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield "op", ARITHMETIC[type(node.op)]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "operand", ast.UnaryOp(node.op, node.operand)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "value", not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield "value", node.value + 1
        yield "value", node.value - 1
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield "id", NAMES[node.id]
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield "attr", NAMES[node.attr]
    elif isinstance(node, ast.Slice):
        for bound in ("lower", "upper"):
            if getattr(node, bound) is not None:
                yield bound, None
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "value", ast.Constant(None)
    elif isinstance(node, ast.IfExp | ast.If) and not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield "test", ast.UnaryOp(ast.Not(), node.test)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _label(node: ast.AST, field: str, value: Any) -> str:
    shown = node.test if isinstance(node, ast.If) else node
    before, kept = ast.unparse(shown), getattr(node, field)
    setattr(node, field, value)
    after = ast.unparse(ast.fix_missing_locations(node.test if isinstance(node, ast.If) else node))
    setattr(node, field, kept)
    return f"{before} -> {after}"


def changed_code(source: str, change: Change) -> Any:
    """Return the compiled module with the change in it."""
    tree = ast.parse(source)
    setattr(list(ast.walk(tree))[change.node], change.field, change.value)
    return compile(ast.fix_missing_locations(tree), change.module, "exec")
