"""What a Python expression tells about where its value comes from: calls, annotations, fixed values.

The calls are those of the standard library, of web frameworks, and of clients for models and stores, told by the words
in their dotted names.
"""

from __future__ import annotations

import ast
import re

from agentops.injection.kinds import Kind
from agentops.injection.syntax import own_files
from agentops.injection.syntax.python import files_read
from agentops.injection.template import Assigned

_B = r"(?:^|\.)"
_CALLS: tuple[tuple[re.Pattern[str], Kind, str], ...] = (
    (re.compile(rf"{_B}(?:datetime|date|time|arrow|pendulum|timezone)\.(?:\w+\.)?(?:now|today|utcnow|time|strftime|"
                r"localtime|isoformat|fromtimestamp|ctime)$|\.(?:isoformat|strftime)$|(?:^|_)(?:today|now|current_date|"
                r"current_time|current_datetime|get_date|timestamp)$"), Kind.CONSTANT, "it is the clock's"),
    (re.compile(rf"{_B}(?:uuid[1-8]|token_hex|token_urlsafe|randint|getrandbits|randbelow)$|{_B}random\.\w+$"),
     Kind.CONSTANT, "the program draws it at random"),
    (re.compile(rf"{_B}(?:getenv|environ\.get)$|{_B}(?:settings|config|conf|cfg)\.(?:\w+\.){{0,4}}\w+$"), Kind.CONSTANT,
     "it is the program's configuration"),
    (re.compile(rf"{_B}(?:\w*get_format_instructions|model_json_schema|schema_json|json_schema|schema|"
                rf"get_type_hints|signature)$|{_B}(?:platform|sys|inspect|locale|os)\.(?!argv|stdin)\w+$"),
     Kind.CONSTANT, "the program makes it from its own types"),
    (re.compile(rf"{_B}(?:input|chat_input|text_input|text_area|prompt\.ask|click\.prompt|typer\.prompt|"
                r"stdin\.read(?:line)?|get_user_input|read_user_input|raw_input)$"), Kind.USER, "the user types it in"),
    (re.compile(rf"{_B}(?:request|req|flask\.request)\.(?:\w+\.){{0,3}}\w+$|{_B}(?:form|query_params|args)\.get$"),
     Kind.USER, "it comes with the request"),
    (re.compile(rf"{_B}(?:requests|httpx|aiohttp|urllib|session|http_client)\.(?:\w+\.){{0,3}}(?:get|post|request|urlopen)$"
                rf"|{_B}(?:urlopen|fetch\w*|scrape\w*|crawl\w*|download\w*|get_page\w*|extract_text\w*)$"),
     Kind.THIRD_PARTY, "it is fetched from elsewhere"),
    (re.compile(rf"{_B}open\.read(?:lines)?$|{_B}(?:read_text|read_bytes|read_file\w*|load_file\w*|readlines)$"),
     Kind.THIRD_PARTY, "it is read from a file"),
    (re.compile(rf"{_B}\w*(?:retriev|similarity_search|vector|rerank)\w*(?:\.\w+)?$|{_B}(?:\w+_)?search(?:_\w+)?$|"
                rf"{_B}(?:load_and_split|load_documents|load_data|get_relevant_documents|web_search)$"),
     Kind.THIRD_PARTY, "it is what a search finds"),
    (re.compile(rf"{_B}(?:db|database|cursor|conn|connection|repo|repository|store)\.(?:\w+\.){{0,3}}\w+$|"
                rf"{_B}(?:fetchall|fetchone|fetchmany|scalars|scalar_one)$"),
     Kind.THIRD_PARTY, "it is a stored record"),
    (re.compile(rf"{_B}(?:call_tool|run_tool|execute_tool|tool_call|subprocess\.\w+|check_output|get_diff|get_transcript)$"),
     Kind.THIRD_PARTY, "it is a tool's output"),
    (re.compile(rf"{_B}(?:completions?\.create|responses\.create|messages\.create|completion|acompletion|"
                r"generate_content|(?:\w*(?:llm|model|chain|chat|gpt|claude|agent))(?:\.(?:a?invoke|a?predict|a?generate|"
                r"run|a?complete|chat|ask|query|call))?|ask_\w*|generate_(?:text|response|answer)|call_(?:llm|model|gpt\w*))$"),
     Kind.MODEL, "a model wrote it"),
)  # fmt: skip
_OWN_FILE = re.compile(r"prompt|template|system|instruction|persona|preamble|\.j2|\.jinja|\.prompty", re.I)
_BOUNDED = {
    "int": "int", "float": "float", "bool": "bool", "date": "date", "datetime": "datetime", "Decimal": "decimal",
    "Literal": "enum", "timedelta": "number", "UUID": "uuid", "StrEnum": "enum", "Enum": "enum", "PositiveInt": "int",
    "NonNegativeInt": "int",
}  # fmt: skip
_DEPTH = 8


def of_call(path: str, call: ast.Call) -> Assigned | None:
    """Where the value of a call comes from, by the called name (`open.read` for `open(..).read()`)."""
    low = path.lower()
    if _opens(low):
        arguments = _file_arguments(call)
        written = files_read.path_of(arguments)
        if written and (own := own_files.of_path(written)) is not None:
            return own
        if not written and any(_OWN_FILE.search(ast.unparse(n)) for n in arguments):
            return Assigned(Kind.CONSTANT, "it is read from a prompt file of the program")
    for pattern, kind, why in _CALLS:
        if pattern.search(low):
            return Assigned(kind, f"{why} ({path[:60]})")
    return None


def of_path(path: str) -> Assigned | None:
    """Where an attribute's or an element's value comes from, by its dotted path."""
    low = path.lower()
    if low.startswith("sys.argv"):
        return Assigned(Kind.USER, "it is given on the command line (sys.argv)")
    if low.startswith(("os.environ", "settings.", "config.", "self.config.", "self.settings.", "cfg.")):
        return Assigned(Kind.CONSTANT, f"it is the program's configuration ({path[:60]})")
    if re.match(
        r"(?:flask\.)?request\.(?:args|form|json|values|data|get|query_params|body|files|cookies|headers)", low
    ):
        return Assigned(Kind.USER, f"it comes with the request ({path[:60]})")
    last = path.rsplit(".", 1)[-1]
    if len(last) > 2 and last.isupper():
        return Assigned(Kind.CONSTANT, f"{last[:60]} is written as a constant")
    return None


def type_of(annotation: ast.expr | None, enums: frozenset[str]) -> str:
    """The bounded type that an annotation names ("int", "enum"), "" where it names none."""
    for _ in range(_DEPTH):
        match annotation:
            case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
                annotation = inner
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
                annotation = inner
            case ast.Subscript(value=outer):
                annotation = outer if _last(outer) == "Literal" else None
            case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Constant(value=None)):
                annotation = left
            case ast.Constant(value=str() as name):
                return _BOUNDED.get(name.split(".")[-1], "enum" if name in enums else "")
            case ast.Name() | ast.Attribute():
                name = _last(annotation)
                return _BOUNDED.get(name, "enum" if name in enums else "")
            case _:
                return ""
    return ""


def fixed(expr: ast.expr | None, depth: int = 0) -> bool:
    """Whether the expression is written down in full: a literal, or a container of nothing else."""
    if depth > _DEPTH:
        return False
    match expr:
        case ast.Constant():
            return True
        case ast.List() | ast.Tuple() | ast.Set():
            return all(fixed(e, depth + 1) for e in expr.elts[:500])
        case ast.Dict():
            return all(fixed(e, depth + 1) for e in expr.values[:500])
        case ast.UnaryOp():
            return fixed(expr.operand, depth + 1)
        case ast.Compare() | ast.Lambda():
            return True
        case _:
            return False


def enums(tree: ast.Module) -> frozenset[str]:
    """The names of the module's own enumerations."""
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(_last(b).endswith("Enum") for b in node.bases)
    )


def _last(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _opens(path: str) -> bool:
    return path.endswith((".read", "open", "read_text", "load_prompt")) or "read_file" in path or "load_" in path


def _file_arguments(call: ast.Call) -> list[ast.expr]:
    found = list(call.args[:1])
    node: ast.expr = call.func
    for _ in range(_DEPTH):
        if isinstance(node, ast.Call):
            found += node.args[:1]
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
            if not isinstance(node, ast.Call):
                found.append(node)
        else:
            break
    return [f for f in found if sum(1 for _ in ast.walk(f)) < 60]
