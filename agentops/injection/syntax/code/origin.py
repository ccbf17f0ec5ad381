"""Where the code around a prompt takes a value from: a request, a file, a model, or the program itself."""

from __future__ import annotations

import re

from agentops.injection.kinds import Kind
from agentops.injection.syntax.code import files_read
from agentops.injection.syntax.code.tree import Nodes, fixed
from agentops.injection.template import Assigned

_READ_FROM = (
    (Kind.USER, "what a request or the person at the keyboard gives", re.compile(
        r"\breq(?:uest)?\.(?:body|query|params|json|formData|Params|Form|GetArguments|Arguments|get)"
        r"|\br\.(?:FormValue|PostFormValue"
        r"|URL\.Query)|\b(?:c|ctx)\.(?:Query|Param|PostForm|FormValue|req\.)|searchParams|\breadline\b"
        r"|rl\.question|os\.Args"
        r"|process\.argv|\bScanner\b|readLine\(|nextLine\(|getParameter|getHeader|flag\.String|env\.vars|Stdin|stdin"
    )),
    (Kind.THIRD_PARTY, "what is read from a file, the net, a search or a command", re.compile(
        r"\bfetch\(|\baxios\b|http\.Get|\bgot\(|readFile|ReadFile|ReadAll|Files\.read|readText"
        r"|env\.files|\bgit\.\w|\bexec\w{0,4}\("
        r"|[sS]imilaritySearch|[vV]ectorStore|[rR]etriev\w{0,4}\b|\.search\(|\.[qQ]uery\(|[sS]crape"
        r"|[cC]rawl|host\.fetch|parsers\."
    )),
    (Kind.MODEL, "a model's answer", re.compile(
        r"\bgenerate(?:Text|Object|Content)\b|chat\.completions|\bllm\.\w|[mM]odel\.(?:chat|generate"
        r"|invoke|call)|runPrompt\("
        r"|messages\.create\(|responses\.create\(|CreateChatCompletion"
    )),
    (Kind.CONSTANT, "the program's own value", re.compile(
        r"\bnew Date\b|\bDate\.now|\btime\.Now|\bLocalDate(?:Time)?\.now|\bInstant\.now|\bprocess\.env\b"
        r"|os\.Getenv|System\.getenv"
        r"|randomUUID|\buuid|\bnanoid\(|\bcrypto\.|Math\.|performance\.now|toJsonSchema|zodToJsonSchema|runtime\.GOOS"
    )),
)  # fmt: skip
_CONSTANT_WORDS = frozenset(("true", "false"))


def read_from(text: str) -> Assigned | None:
    """Where the code `text` takes a value from, as far as it is plain to see."""
    text, own = files_read.blanked(text[:400])
    for kind, why, pattern in _READ_FROM:
        if pattern.search(text) and (own is None or kind.untrusted):
            return Assigned(kind, f"the code takes it from {why}" if kind is not Kind.CONSTANT else f"it is {why}")
    return own


def is_literal(nodes: Nodes) -> bool:
    """Whether the expression is one number, truth value or fixed text."""
    return len(nodes) == 1 and (
        nodes[0].kind == "num" or nodes[0].text in _CONSTANT_WORDS or fixed(nodes[0]) is not None
    )
