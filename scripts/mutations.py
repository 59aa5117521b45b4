"""Small changes of Python code: one operator, constant, condition or statement each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

__all__ = ["Mutant", "find_mutants", "replaced_code"]

BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
# Swapping what these take is no change.
COMMUTATIVE = frozenset(
    "add multiply maximum minimum equal not_equal logical_and logical_or isinstance "
    "allclose zip broadcast_static_shape bitwise_and bitwise_or bitwise_xor hypot "
    "mul".split()
)

Change = Callable[[], None]


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        file: The path, from the repository's root.
        number: Which of the file's changes.
        lines: The lines of the changed code, counted from 1.
        what: The change, such as ``"+ for -"``, with the code before it.
    """

    file: str
    number: int
    lines: range
    what: str

    @property
    def name(self) -> str:
        """What a reason is given for: stays when lines move."""
        return f"{self.file}: {self.what}"


def find_mutants(root: Path, file: str) -> list[Mutant]:
    """Return all changes of a file, in the order of its code."""
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    found = [
        Mutant(file, number, lines, what)
        for number, (lines, what, _) in enumerate(_changes(tree))
    ]
    # Two changes that read alike are told apart by counting them.
    seen: dict[str, int] = {}
    for place, mutant in enumerate(found):
        count = seen[mutant.what] = seen.get(mutant.what, 0) + 1
        if count > 1:
            found[place] = Mutant(
                file, mutant.number, mutant.lines, f"{mutant.what} (no. {count})"
            )
    return found


def replaced_code(root: Path, mutant: Mutant) -> dict[CodeType, CodeType]:
    """Return for each function's code that the change alters what it becomes."""
    path = root / mutant.file
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    (*_, change) = list(_changes(tree))[mutant.number]
    change()
    before = compile(source, str(path), "exec", dont_inherit=True)
    after = compile(ast.fix_missing_locations(tree), str(path), "exec")
    return {old: new for old, new in _pairs(before, after) if old != new}


def _pairs(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield the functions of two versions of a module, side by side."""
    for old, new in zip(_inner(before), _inner(after), strict=False):
        if old.co_qualname != new.co_qualname:
            return
        yield old, new
        yield from _pairs(old, new)


def _inner(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def _changes(tree: ast.Module) -> list[tuple[range, str, Change]]:
    """Return what can be changed inside functions: where, what, and what does it."""
    found: list[tuple[range, str, Change]] = []
    _enter(tree, found)
    return sorted(found, key=lambda one: one[0].start)


def _enter(node: ast.AST, found: list[tuple[range, str, Change]]) -> None:
    """Collect from functions; what runs while a module is imported has run."""
    if isinstance(node, ast.FunctionDef):
        for statement in node.body:
            _visit(statement, found)
    elif isinstance(node, ast.Lambda):
        _visit(node.body, found)
    else:
        for child in ast.iter_child_nodes(node):
            _enter(child, found)


def _visit(node: ast.AST, found: list[tuple[range, str, Change]]) -> None:
    """Collect the changes of a node and of what is in it."""
    # What an error says is no behavior, and defaults were evaluated long ago.
    if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert)):
        return
    # `zip(..., strict=True)` says what holds anyway.
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, (ast.stmt, ast.expr)):
        # Of a statement such as `if`, only its first line.
        end = None if isinstance(node, ast.stmt) else node.end_lineno
        lines = range(node.lineno, (end or node.lineno) + 1)
        found.extend((lines, what, change) for what, change in _own(node))
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args") and isinstance(
            node, (ast.AnnAssign, ast.FunctionDef, ast.arg, ast.Lambda)
        ):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST):
                _visit(one, found)


def _own(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield the changes of this node itself."""
    text = ast.unparse(node).split("\n", 1)[0]
    match node:
        case ast.BinOp(op=op) if type(op) in BINARY:
            yield _set(node, "op", BINARY[type(op)](), text)
        case ast.AugAssign(op=op) if type(op) in BINARY:
            yield _set(node, "op", BINARY[type(op)](), text)
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            yield _set(node, "ops", [COMPARED[type(op)]()], text)
        case ast.BoolOp(op=ast.And()):
            yield _set(node, "op", ast.Or(), text)
        case ast.BoolOp(op=ast.Or()):
            yield _set(node, "op", ast.And(), text)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield _set(node, "op", ast.UAdd(), text, "without its sign or `not`")
        case ast.IfExp():
            swapped = {"body": node.orelse, "orelse": node.body}
            yield f"`{text}` the other way", lambda: vars(node).update(swapped)
        case ast.If() | ast.While() if isinstance(
            node.test, (ast.Name, ast.Attribute, ast.Call)
        ):
            test = ast.UnaryOp(ast.Not(), node.test)
            yield f"`{text}` if not", lambda: setattr(node, "test", test)
        case ast.Constant(value=bool(value)):
            yield _set(node, "value", not value, text)
        case ast.Constant(value=int(value)):
            yield _set(node, "value", value + 1, text)
        case ast.Constant(value=float(value)) if value - value == 0:
            yield _set(node, "value", value * 1.01 if value else 0.01, text)
        case ast.Call(args=[first, second]) if (
            not {type(first), type(second)} - {ast.Name, ast.Attribute}
            and text.split("(", 1)[0].rsplit(".", 1)[-1] not in COMMUTATIVE
        ):
            swapped_arguments: list[ast.expr] = [second, first]
            yield _set(node, "args", swapped_arguments, text)
        # A method without `super()` has other variables: it cannot be put in place.
        case ast.Expr(value=ast.Call()) if "super()" not in text:
            yield _set(node, "value", ast.Constant(None), text, "left out")
        case _:
            return


def _set(
    node: ast.AST, field: str, value: object, text: str, said: str = ""
) -> tuple[str, Change]:
    """Return the change that sets a field, and how it reads."""
    before = getattr(node, field)
    setattr(node, field, value)
    if not said:
        said = f"becomes `{ast.unparse(node)}`".replace("\n", " ")
    setattr(node, field, before)
    return f"`{text}` {said}", lambda: setattr(node, field, value)
