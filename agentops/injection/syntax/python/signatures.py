"""DSPy signatures, as classes and as strings: an order, fields that are filled, fields that are asked for."""

from __future__ import annotations

import ast
import re

from agentops.injection.syntax.python.found import Found
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.syntax.python.tools import docstring
from agentops.pysource.parts import Reader
from agentops.pysource.texts import Frame, Literal, Part, Parts, Value

# dspy.Signature("question, hints: list[str] -> answer: bool"): names with or without types around one arrow.
_STRING = re.compile(r"[\s\w,:.\[\]|'\"]{1,2000}->[\s\w,:.\[\]|'\"]{1,2000}\Z")
_FIELD = re.compile(r"([A-Za-z_]\w{0,100})(?:\s{0,9}:\s{0,9}(\w{1,40})\b[^,\[]{0,100}(?:\[[^\]]{0,400}\]{1,9})?)?")
_TAKERS = frozenset((
    "Signature", "Predict", "ChainOfThought", "ProgramOfThought", "ReAct", "MultiChainComparison", "TypedPredictor",
    "ChainOfThoughtWithHint", "TypedChainOfThought", "CodeAct", "Refine", "BestOfN", "make_signature", "Parallel",
    "FunctionalTypedPredictor", "ensure_signature", "RLM",
))  # fmt: skip
_FIELDS = frozenset(("InputField", "OutputField", "OldInputField", "OldOutputField"))


def written(reader: Reader, call: ast.Call, frame: Frame, name: str) -> Found | None:
    """The signature that the call is given as a string, and the instructions beside it."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "with_instructions":
        return _instructed(reader, call, frame, name)
    if called_path(call.func).rsplit(".", 1)[-1] not in _TAKERS:
        return None
    keywords = {k.arg: k.value for k in call.keywords}
    said = call.args[0] if call.args else keywords.get("signature")
    held = reader.text(said, frame) if isinstance(said, ast.Name | ast.Attribute) else None
    if held and len(held) == 1 and isinstance(held[0], Literal):
        said = held[0].node
    if not isinstance(said, ast.Constant) or not isinstance(said.value, str) or not _STRING.match(said.value):
        return None
    span = reader.parsed.span(call)
    found = Found(name, span[0], span, [], frame.scope, placed=True)
    order = call.args[1] if len(call.args) > 1 else keywords.get("instructions")
    told = () if order is None else reader.pieces(order, frame)
    found.turns = [(None, (*told, *_inputs(reader, said, said.value, frame, found)))]
    return found


def _instructed(reader: Reader, call: ast.Call, frame: Frame, name: str) -> Found | None:
    """`dspy.Signature("question -> answer").with_instructions("...")`."""
    inner = call.func.value if isinstance(call.func, ast.Attribute) else None
    found = written(reader, inner, frame, name) if isinstance(inner, ast.Call) else None
    order = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "instructions"), None)
    if found is not None and order is not None:
        found.turns = [(None, (*reader.pieces(order, frame), *found.parts))]
    return found


def _inputs(reader: Reader, node: ast.Constant, text: str, frame: Frame, found: Found) -> Parts:
    start, end = reader.parsed.span(node)
    parts: list[Part] = []
    at, here = 0, start
    for one in _FIELD.finditer(text, 0, text.index("->")):
        place = reader.parsed.text.find(one[1], here, end)
        here = place if place >= 0 else here
        if one.start() > at:
            parts.append(Literal(text[at : one.start()], here, here, node, settled=True))
        parts.append(Value(None, here, here + len(one[1]), frame, name=one[1]))
        here, at = here + len(one[1]), one.end()
        if one[2]:
            found.types[one[1]] = "enum" if one[2] == "Literal" else one[2]
    return (*parts, Literal(text[at:], here, end, node, settled=True))


def declared(reader: Reader, node: ast.ClassDef, frame: Frame) -> Found | None:
    """The signature that the class is: its docstring as the order, and a hole for each input behind its label."""
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
    if kind not in _FIELDS:
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
