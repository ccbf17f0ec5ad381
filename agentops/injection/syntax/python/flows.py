"""What becomes of a model's answer in the function that asks for it: is it run, is it stored?"""

from __future__ import annotations

import ast
import re
from itertools import islice

from agentops.injection.kinds import Kind
from agentops.injection.syntax.python.origin import called_path
from agentops.injection.syntax.python.sources import of_call
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location
from agentops.pysource.scopes import FunctionNode

_RUNS = re.compile(
    r"^(?:exec|eval|execfile)$|(?:^|\.)(?:os\.(?:system|popen|exec\w*)|subprocess\.\w+|pty\.spawn|run_code|exec_code|"
    r"execute_code|run_python|run_shell|execute_sql|run_sql|exec_command|run_command|create_subprocess_\w+)$"
    r"|(?:^|\.)(?:cursor|cur|conn|connection|session|db|engine|database)\.(?:execute\w*|run|query|raw)$"
    r"|(?:^|\.)(?:interpreter|sandbox|repl|python_repl)\.\w+$",
    re.I,
)
_STORES = re.compile(
    r"(?:^|[._])(?:memory|memories|store|vector_?store|index|collection|knowledge|notes|profile)\w*\."
    r"(?:add\w*|save\w*|put|upsert\w*|insert\w*|append|set|update\w*|store\w*|write\w*|persist)$"
    r"|(?:^|\.)(?:add_texts|add_documents|add_memory|save_context|save_memory|store_memory|update_memory|remember|"
    r"update_prompt|save_prompt|set_prompt)$",
    re.I,
)
_MOST = 4_000


def notes(code: FunctionNode | ast.Module, path: str) -> tuple[Note, ...]:
    """Where the function, or the module outside its functions and classes, runs or stores what a model answered."""
    within = (
        [n for n in code.body if not isinstance(n, FunctionNode | ast.ClassDef)]
        if isinstance(code, ast.Module)
        else [code]
    )
    nodes = list(islice((n for one in within for n in ast.walk(one)), _MOST * 10))
    answers = _answers(nodes)
    if not answers:
        return ()
    found: list[Note] = []
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        called = called_path(node.func)
        kind = (
            NoteKind.OUTPUT_RUNS if _RUNS.search(called) else NoteKind.OUTPUT_STORED if _STORES.search(called) else None
        )
        if kind is None:
            continue
        given = [*node.args, *(k.value for k in node.keywords)]
        name = next((n for g in given for n in _names(g) if n in answers), None)
        if name is not None:
            where = Location(path, node.lineno, node.col_offset + 1)
            found.append(Note(kind, f"{called[:60]}({name[:60]})", where, name))
    return tuple(found[:50])


def _answers(nodes: list[ast.AST]) -> set[str]:
    """The variables that hold what a model answered, or are made of it."""
    answers: set[str] = set()
    assigned = [n for n in nodes if isinstance(n, ast.Assign | ast.AnnAssign) and n.value is not None]
    for one in sorted(assigned, key=lambda n: (n.lineno, n.col_offset))[:_MOST]:
        value = one.value
        if value is None:
            continue
        asked = any(_asks(n) for n in ast.walk(value) if isinstance(n, ast.Call))
        if asked or any(n in answers for n in _names(value)):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            answers |= {n for t in targets for n in _names(t)}
    return answers


def _asks(call: ast.Call) -> bool:
    source = of_call(called_path(call.func), call)
    return source is not None and source.kind is Kind.MODEL


def _names(expr: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(expr) if isinstance(n, ast.Name)}
