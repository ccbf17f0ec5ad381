"""Which names a module, its functions and its classes bind, to what, and in which order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

Branch = tuple[tuple[int, int], ...]
"""The arms of `if`, `try`, loops and `with` around a statement, outermost first: the node's id and the arm's number."""
Place = tuple[int, int]
"""Line and column of a node, for what comes before what."""

LAST: Place = (1 << 60, 0)
# Chat histories: add_user_message, add_message.
_ADDS = re.compile(r"add_(?:[a-z]{2,12}_)?message$")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class How(Enum):
    """In what way a name gets its value."""

    ASSIGNED = "assigned"
    ADDED = "added"
    LOOP = "loop"
    WITH = "with"
    UNPACKED = "unpacked"
    IMPORTED = "imported"
    DEFINED = "defined"


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding. `value` is what is assigned, added, walked over or opened; `element` the place in it that is meant
    where it is unpacked; `module` is where an import comes from, `function` the one that is defined."""

    name: str
    how: How
    at: Place
    value: ast.expr | None = None
    branch: Branch = ()
    element: int = -1
    module: str = ""
    function: FunctionNode | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """A list that a call changes: `name.append(value)`, `.extend`, `.insert`, `.add_user_message`; `name += [...]`."""

    method: str
    value: ast.expr
    at: Place
    branch: Branch = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """What a function gives back, and where it does."""

    value: ast.expr
    at: Place
    branch: Branch = ()


@dataclass(eq=False)
class Scope:
    """The names of a module, a function or a class. Attributes of `self` are bound in the class, as `self.name`."""

    node: ast.Module | FunctionNode | ast.ClassDef
    parent: Scope | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    parameters: dict[str, ast.arg] = field(default_factory=dict)
    defaults: dict[str, ast.expr] = field(default_factory=dict)
    added: dict[str, list[Added]] = field(default_factory=dict)
    returned: list[Returned] = field(default_factory=list)

    @property
    def function(self) -> FunctionNode | None:
        """The function whose scope this is."""
        return self.node if isinstance(self.node, FunctionNode) else None

    def owner(self, name: str) -> Scope | None:
        """The scope that binds the name as it is seen from here."""
        scope: Scope | None = self
        while scope is not None:
            # The names of a class are not seen from within its methods, its attributes of self are.
            seen = scope is self or not isinstance(scope.node, ast.ClassDef) or name.startswith("self.")
            if seen and (name in scope.bindings or name in scope.parameters):
                return scope
            scope = scope.parent
        return None


@dataclass(frozen=True)
class Scopes:
    """All scopes of a module by their node, and where each statement stands among branches."""

    module: Scope
    by_node: dict[ast.AST, Scope]
    branches: dict[ast.AST, Branch]


def scopes(tree: ast.Module) -> Scopes:
    """The scopes of the tree. Raises RecursionError for a tree that is nested without measure."""
    top = Scope(tree)
    found = Scopes(top, {tree: top}, {})
    _Walk(found).block(tree.body, top, ())
    for scope in found.by_node.values():
        # What `try` tries is walked with its `finally`, before its handlers.
        for bindings in scope.bindings.values():
            bindings.sort(key=lambda b: b.at)
        for added in scope.added.values():
            added.sort(key=lambda a: a.at)
    return found


def place(node: ast.expr | ast.stmt) -> Place:
    """Where the node begins."""
    return node.lineno, node.col_offset


class _Walk:
    def __init__(self, found: Scopes) -> None:
        self.found = found

    def block(self, body: list[ast.stmt], scope: Scope, branch: Branch) -> None:
        for statement in body:
            self.found.branches[statement] = branch
            self.statement(statement, scope, branch)

    def statement(self, node: ast.stmt, scope: Scope, branch: Branch) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.bind(scope, Binding(node.name, How.DEFINED, place(node), branch=branch, function=node))
                inner = Scope(node, scope)
                _take_parameters(inner, node.args)
                self.found.by_node[node] = inner
                self.block(node.body, inner, ())
            case ast.ClassDef():
                self.bind(scope, Binding(node.name, How.DEFINED, place(node), branch=branch))
                inner = Scope(node, scope)
                self.found.by_node[node] = inner
                self.block(node.body, inner, ())
            case ast.Assign():
                for target in node.targets:
                    self.assign(target, node.value, scope, branch, place(node))
            case ast.AnnAssign() if node.value is not None:
                self.assign(node.target, node.value, scope, branch, place(node))
            case ast.AugAssign():
                if (name := dotted(node.target)) and isinstance(node.op, ast.Add):
                    self.bind(self.home(scope, name), Binding(name, How.ADDED, place(node), node.value, branch))
                    scope.added.setdefault(name, []).append(Added("extend", node.value, place(node), branch))
            case ast.Return(value=ast.expr() as value):
                scope.returned.append(Returned(value, place(node), branch))
            case ast.Import() | ast.ImportFrom():
                module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    name = (alias.asname or alias.name).split(".")[0]
                    self.bind(scope, Binding(name, How.IMPORTED, place(node), branch=branch, module=module))
            case ast.Expr(value=ast.Call(func=ast.Attribute() as func, args=[*_, value])):
                name = dotted(func.value)
                if name and (func.attr in ("append", "extend", "insert") or _ADDS.match(func.attr)):
                    scope.added.setdefault(name, []).append(Added(func.attr, value, place(node), branch))
            case _:
                self.arms(node, scope, branch)

    def arms(self, node: ast.stmt, scope: Scope, branch: Branch) -> None:
        if isinstance(node, ast.For | ast.AsyncFor):
            self.target(node.target, node.iter, How.LOOP, scope, (*branch, (id(node), 0)), place(node))
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                if item.optional_vars is not None:
                    self.target(item.optional_vars, item.context_expr, How.WITH, scope, branch, place(node))
            # Nothing in a with block is left out.
            self.block(node.body, scope, branch)
            return
        for number, body in enumerate(bodies(node)):
            # What `try` tries is what usually happens; its handlers are the other arms.
            usual = isinstance(node, ast.Try) and number == 0
            self.block(body, scope, branch if usual else (*branch, (id(node), number)))

    def assign(self, target: ast.expr, value: ast.expr, scope: Scope, branch: Branch, at: Place) -> None:
        both = isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List)
        if both and len(target.elts) == len(value.elts):  # type: ignore[attr-defined]
            for one, part in zip(target.elts, value.elts, strict=True):  # type: ignore[attr-defined]
                self.assign(one, part, scope, branch, at)
            return
        self.target(target, value, How.ASSIGNED, scope, branch, at)

    def target(self, target: ast.expr, value: ast.expr, how: How, scope: Scope, branch: Branch, at: Place) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for number, one in enumerate(target.elts):
                inner = one.value if isinstance(one, ast.Starred) else one
                if name := dotted(inner):
                    unpacked = How.LOOP if how is How.LOOP else How.UNPACKED
                    self.bind(self.home(scope, name), Binding(name, unpacked, at, value, branch, number))
            return
        if name := dotted(target):
            self.bind(self.home(scope, name), Binding(name, how, at, value, branch))

    def bind(self, scope: Scope, binding: Binding) -> None:
        scope.bindings.setdefault(binding.name, []).append(binding)

    def home(self, scope: Scope, name: str) -> Scope:
        """Attributes of self live in the class, where there is one."""
        if name.startswith("self.") and scope.parent is not None and isinstance(scope.parent.node, ast.ClassDef):
            return scope.parent
        return scope


def bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement that is no function and no class."""
    match node:
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
            yield node.body
            yield node.orelse
        case ast.Try() | ast.TryStar():
            yield [*node.body, *node.orelse, *node.finalbody]
            for handler in node.handlers:
                yield handler.body
        case ast.With() | ast.AsyncWith():
            yield node.body
        case ast.Match():
            for one in node.cases:
                yield one.body


def dotted(node: ast.expr) -> str:
    """`name` or `self.name`; "" for anything else, which is no variable of a scope."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        return f"self.{node.attr}"
    return ""


def _take_parameters(scope: Scope, arguments: ast.arguments) -> None:
    plain = [*arguments.posonlyargs, *arguments.args]
    for one in (*plain, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if one is not None:
            scope.parameters[one.arg] = one
    if arguments.defaults:
        for one, default in zip(plain[-len(arguments.defaults) :], arguments.defaults, strict=True):
            scope.defaults[one.arg] = default
    for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None:
            scope.defaults[one.arg] = value
