"""Descriptions of tools: texts that a model gets without anyone calling them prompts."""

from __future__ import annotations

import ast

from agentops.injection.syntax.python.found import Found
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.template import TemplateKind
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import FunctionNode, Scope
from agentops.pysource.texts import Frame, Parts

_TOOL_DECORATORS = frozenset((
    "tool", "function_tool", "kernel_function", "tool_plain", "ai_tool", "register_tool", "ai_function", "beta_tool",
    "tools", "register_for_llm", "ai_callable", "llm_tool", "tool_fn", "activity_tool",
))  # fmt: skip
_SYSTEM_DECORATORS = frozenset(("system_prompt", "instructions", "system_message", "dynamic_instructions"))
_SCHEMA_KEYS = frozenset(("parameters", "input_schema", "inputSchema", "args_schema", "parametersJsonSchema"))


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
    while stack:
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
