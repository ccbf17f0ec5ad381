"""Descriptions of tools, and signatures of DSPy: texts that a model gets without anyone calling them prompts."""

from __future__ import annotations

import ast

from agentops.injection.syntax.python.found import Found
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.template import TemplateKind
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import FunctionNode, Scope
from agentops.pysource.texts import Frame, Parts, Value

_TOOL_DECORATORS = frozenset((
    "tool", "function_tool", "kernel_function", "tool_plain", "ai_tool", "register_tool", "ai_function", "beta_tool",
    "tools", "register_for_llm", "ai_callable", "llm_tool", "tool_fn", "activity_tool",
))  # fmt: skip
_SYSTEM_DECORATORS = frozenset(("system_prompt", "instructions", "system_message", "dynamic_instructions"))
_SCHEMA_KEYS = frozenset(("parameters", "input_schema", "inputSchema", "args_schema", "parametersJsonSchema"))
_MAX_TEXTS = 400


def decorated_as(node: FunctionNode) -> str:
    """ "tool", "system" or "" by the function's decorators."""
    for one in node.decorator_list:
        last = called_path(one.func if isinstance(one, ast.Call) else one).rsplit(".", 1)[-1]
        if last in _TOOL_DECORATORS:
            return "tool"
        if last in _SYSTEM_DECORATORS:
            return "system"
    return ""


def is_tool(expr: ast.Dict) -> bool:
    """Whether the dict describes a tool to a model."""
    keys = {k.value: v for k, v in zip(expr.keys, expr.values, strict=True) if isinstance(k, ast.Constant)}
    if isinstance(keys.get("function"), ast.Dict) and "type" in keys:
        return True
    return "name" in keys and "description" in keys and bool(_SCHEMA_KEYS & keys.keys())


def tool_dict(reader: Reader, expr: ast.Dict, frame: Frame) -> Found:
    """The tool's texts: every description in it, in order."""
    parts: list[Parts] = []
    name = ""
    stack: list[ast.expr] = [expr]
    while stack and len(parts) < _MAX_TEXTS:
        node = stack.pop()
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                word = key.value if isinstance(key, ast.Constant) else None
                if word in ("description", "title") and not isinstance(value, ast.Dict):
                    parts.append(reader.pieces(value, frame))
                elif word == "name" and not name and isinstance(value, ast.Constant):
                    name = str(value.value)
            stack += reversed([v for v in node.values if isinstance(v, ast.Dict | ast.List)])
        elif isinstance(node, ast.List):
            stack += reversed(node.elts)
    return _tool(reader, expr, name, tuple(p for one in parts for p in one), frame.scope)


def tool_function(reader: Reader, node: FunctionNode, frame: Frame) -> Found | None:
    """The tool that the decorated function is: its docstring, and the description in the decorator."""
    parts: list[Parts] = []
    for one in node.decorator_list:
        if isinstance(one, ast.Call):
            parts += [reader.pieces(k.value, frame) for k in one.keywords if k.arg == "description"]
    if (said := docstring(node)) is not None:
        parts.append(reader.pieces(said, frame))
    if not parts:
        return None
    return _tool(reader, node, node.name, tuple(p for one in parts for p in one), frame.scope)


def _tool(reader: Reader, node: ast.expr | ast.stmt, name: str, parts: Parts, scope: Scope) -> Found:
    span = reader.parsed.span(node)
    return Found(name, span[0], span, [(None, parts)], scope, placed=True, kind=TemplateKind.TOOL)


def docstring(node: FunctionNode | ast.ClassDef) -> ast.Constant | None:
    """The docstring's node."""
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str()) as said), *_]:
            return said
        case _:
            return None


def signature(reader: Reader, node: ast.ClassDef, frame: Frame) -> Found | None:
    """A DSPy signature: its docstring as the order, and a hole for each input field behind its label."""
    if not any(called_path(b).rsplit(".", 1)[-1].endswith("Signature") for b in node.bases):
        return None
    span = reader.parsed.span(node)
    found = Found(node.name, span[0], span, [], frame.scope, placed=True)
    parts: list[Parts] = []
    if (said := docstring(node)) is not None:
        parts.append(reader.pieces(said, frame))
    for one in node.body:
        match one:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                parts.append(_field(reader, name, call, frame, found))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call):
                parts.append(_field(reader, name, call, frame, found))
    found.turns = [(None, tuple(p for one in parts for p in one))]
    return found


def _field(reader: Reader, name: str, call: ast.Call, frame: Frame, found: Found) -> Parts:
    kind = called_path(call.func).rsplit(".", 1)[-1]
    if kind not in ("InputField", "OutputField", "OldInputField", "OldOutputField"):
        return ()
    said = next((k.value for w in ("prefix", "desc", "description") for k in call.keywords if k.arg == w), None)
    label = () if said is None else reader.pieces(said, frame)
    if kind.endswith("OutputField"):
        return label
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        found.descriptions[name] = said.value[:400]
    start, _ = reader.parsed.span(call.func)
    end = start + len(kind)
    return (*label, Value(None, start, end, frame, name=name))
