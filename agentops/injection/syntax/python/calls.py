"""Calls that take prompts: prompt templates of frameworks, agents, and clients of model APIs."""

from __future__ import annotations

import ast
import re

from agentops.injection.syntax.python import asking
from agentops.injection.syntax.python.blocks import chat_blocks, without_chat
from agentops.injection.syntax.python.found import Found, Turn
from agentops.injection.syntax.python.messages import Messages
from agentops.injection.syntax.python.origin import Origins, called_path
from agentops.injection.syntax.python.words import gives_orders, reads_as_prompt
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location
from agentops.pysource.filling import for_engine, handed
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import dotted
from agentops.pysource.texts import Frame, Literal, Parts, Value

_SYSTEM = frozenset((
    "system", "system_prompt", "system_message", "system_instruction", "system_instructions", "instructions",
    "instruction", "developer_message", "sys_prompt", "preamble", "system_prompt_template", "additional_instructions",
    "global_instruction", "state_modifier", "messages_modifier", "prompt_system",
))  # fmt: skip
_MESSAGES = frozenset(("messages", "input", "contents", "prompt", "chat_history", "message_list", "conversation"))
# Words that nothing but a request to a model has.
_SURELY_SYSTEM = frozenset(
    ("system_prompt", "system_message", "system_instruction", "system_instructions", "sys_prompt", "preamble")
)
_CREW = ("role", "goal", "backstory")
TAKEN = _SYSTEM | _MESSAGES | asking.USER | {*_CREW, "template", "prefix", "suffix", "prompt"}
"""Keywords that a call which takes prompts is read with."""
_TEMPLATES = frozenset((
    "PromptTemplate", "RichPromptTemplate", "FewShotPromptTemplate", "QuestionAnswerPrompt", "RefinePrompt", "Prompt",
    "StringPromptTemplate", "PipelinePromptTemplate", "ChatPromptTemplate", "SelectorPromptTemplate", "PromptBuilder",
    "FewShotChatMessagePromptTemplate", "PromptTemplateConfig", "ChatPromptBuilder",
))  # fmt: skip
FILLERS = frozenset((
    "render", "render_async", "format", "aformat", "format_messages", "aformat_messages", "format_prompt", "partial",
    "invoke", "ainvoke", "partial_format", "run", "arun", "stream", "astream", "predict", "apredict",
))  # fmt: skip
"""The methods of a template object that hand it values."""
_MAKERS = frozenset(("from_template", "from_string", "from_messages", "ChatTemplate"))
_CHATS = frozenset(("from_messages", "ChatPromptTemplate", "ChatPromptBuilder", "ChatTemplate"))
_ENGINES = {"jinja2": "jinja2", "mustache": "mustache", "f-string": "str.format", "handlebars": "mustache"}
_MAKES_AGENT = re.compile(r"create_(?:[a-z]{1,20}_){0,3}agent$")
_SILENT = re.compile(
    r"(?:^|\.)(?:log|logger|logging|_logger|LOG|LOGGER|log_\w+|warnings?|console|st|parser|subparsers?|argparse|re|typer|"
    r"click|cursor|conn|connection|session|db|engine|rprint|rich|tqdm|pytest|shutil|subprocess|os|sys|regex|sh|"
    r"HTMLResponse|Response|HTTPException|jsonify|flash|abort|echo|secho|print|pprint|input|getpass|text|"
    r"add_argument|add_parser|add_option|Field|Query|Path|Body|Header|Option|Argument|Depends|Column|Mapped|"
    r"warn|info|debug|error|exception|critical|warning|compile|execute|executemany|executescript|fail|skip|xfail|raises|"
    r"mark|NamedTuple|namedtuple|TypeVar|NewType|deprecated|\w*Error|\w*Exception|\w*Warning|Exit|SystemExit|assert\w*|"
    r"markdown|write|writelines|set_description|Label|Markdown|Panel|Text)$"
    r"|(?:^|\.)(?:log|logger|logging|_logger|LOG|LOGGER|console|warnings|parser|re|cursor)\.\w+$"
)


def is_silent(call: ast.Call) -> bool:
    """Whether what the call is given goes to people, a log, a data base or a pattern, and to no model."""
    return _SILENT.search(called_path(call.func)) is not None


class Calls:
    """Reads the calls of one file."""

    def __init__(self, reader: Reader, messages: Messages, origins: Origins, path: str) -> None:
        self._reader, self._messages, self._origins, self._path = reader, messages, origins, path

    def read(self, call: ast.Call, frame: Frame, name: str) -> Found | None:
        """The prompt that the call is given, None where it is given none that is seen."""
        func = call.func
        called = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        made = called in _TEMPLATES or called in _MAKERS or (called == "Template" and _jinja(func))
        if not made and not call.keywords and not asking.ASKS.match(called):
            return None
        function = frame.scope.function
        shown = function.name if function is not None else name or called
        found = Found(shown, self._reader.parsed.span(call)[0], self._reader.parsed.span(call), [], frame.scope)
        found.placed = True
        keywords = {k.arg: k.value for k in call.keywords if k.arg}
        if called in _CHATS:
            listed = keywords.get("messages") or keywords.get("template") or (call.args[0] if call.args else None)
            turns = self._messages.turns(listed, frame, found.notes, pairs=True) if listed is not None else None
            if turns:
                found.turns, found.template = turns, True
                return found
        if made:
            return self._template(call, called, keywords, frame, found)
        return self._request(call, called, keywords, frame, found)

    def is_template(self, call: ast.expr) -> bool:
        """Whether the call makes a template object, which is filled later."""
        if not isinstance(call, ast.Call):
            return False
        called = called_path(call.func).rsplit(".", 1)[-1]
        return called in _TEMPLATES or called in _MAKERS or called == "Template"

    def fill(self, found: Found, call: ast.Call, frame: Frame) -> None:
        """Note where the values come from that the call hands to the template."""
        given = handed(self._reader, call, frame)
        if isinstance(said := given.get("input"), ast.Dict):
            given |= handed(self._reader, ast.Call(call.func, [said], []), frame)
        for name, value in given.items():
            origin = self._origins.of(value, frame)[0]
            if origin.assigned is not None:
                found.assigned.setdefault(name, origin.assigned)
            if origin.type:
                found.types.setdefault(name, origin.type)

    def group_of(self, call: ast.Call) -> str:
        """The variable that holds the messages of the call."""
        named = [k.value for k in call.keywords if k.arg in _MESSAGES]
        made = called_path(call.func).rsplit(".", 1)[-1] in _CHATS
        return next((dotted(v) for v in (*named, *(call.args[:1] if made else ())) if dotted(v)), "")

    def _template(
        self, call: ast.Call, called: str, keywords: dict[str, ast.expr], frame: Frame, found: Found
    ) -> Found | None:
        engine = _engine(called, keywords)
        given = [keywords.get(k) for k in ("prefix", "template", "template_str", "suffix")]
        if not any(given) and call.args:
            given = [call.args[0]]
        parts: list[Parts] = []
        for value in given:
            if value is None:
                continue
            text = self._reader.text(value, frame)
            if text is None:
                self._given(call, called, value, frame, found)
                text = self._reader.pieces(value, frame)
            parts.append(for_engine(text, engine) or () if engine else text)
        if not parts or not (found.notes or any(isinstance(p, Literal) for one in parts for p in one)):
            return None
        whole = tuple(p for one in parts for p in one)
        found.template = not engine
        if called == "RichPromptTemplate":
            found.turns = chat_blocks(self._reader, whole) or [(None, without_chat(whole))]
        else:
            found.turns = [(_role_of_class(call.func), whole)]
        listed = keywords.get("input_variables")
        if isinstance(listed, ast.List | ast.Tuple):
            found.declared = tuple(
                e.value for e in listed.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)
            )
        if (partial := keywords.get("partial_variables")) is not None:
            for key, one in handed(self._reader, ast.Call(call.func, [partial], []), frame).items():
                origin = self._origins.of(one, frame)[0]
                if origin.assigned is not None:
                    found.assigned[key] = origin.assigned
        return found

    def _given(self, call: ast.Call, called: str, value: ast.expr, frame: Frame, found: Found) -> None:
        """A template whose own text is a value."""
        origin = self._origins.of(value, frame)[0]
        if origin.assigned is not None and not origin.assigned.kind.untrusted:
            return
        if called not in ("Template", "from_string", "from_template") or "sandbox" in called_path(call.func).lower():
            return
        start, _ = self._reader.parsed.span(call)
        line, column = call.lineno, call.col_offset + 1
        said = self._reader.parsed.segment(call, 100)
        found.start = start
        found.notes.append(Note(NoteKind.USER_TEMPLATE, said, Location(self._path, line, column), origin.name))

    def _request(
        self, call: ast.Call, called: str, keywords: dict[str, ast.expr], frame: Frame, found: Found
    ) -> Found | None:
        """A call to a model, or an agent: system text and messages that go out together."""
        keywords = {**_configured(keywords.get("config")), **keywords}
        system = [(k, v) for k, v in keywords.items() if k in _SYSTEM]
        if _MAKES_AGENT.match(called) and not system and isinstance(text := keywords.get("prompt"), ast.expr):
            system = [("prompt", text)] if self._reader.text(text, frame) is not None else []
            keywords = {k: v for k, v in keywords.items() if k != "prompt"}
        crew = "backstory" in keywords or ("goal" in keywords and "role" in keywords)
        if crew:
            system = [(k, keywords[k]) for k in _CREW if k in keywords] + [s for s in system if s[0] not in _CREW]
        turns: list[Turn] = []
        if texts := [t for t in (self._system(v, frame) for _, v in system) if t]:
            between = Literal("\n", found.start, found.start, call, settled=True)
            turns.append(("system", tuple(p for t in texts for p in (*t, between))[:-1]))
        given = (self._turns(v, frame, found.notes) for k, v in keywords.items() if k in _MESSAGES)
        listed = next((t for t in given if t), None)
        if listed is not None:
            turns += listed
        elif turns and (sent := [v for k, v in keywords.items() if k in asking.USER]):
            turns += [("user", self._sent(v, frame)) for v in sent]
        elif not turns and called == "Task" and "expected_output" in keywords:
            turns = [("user", self._lines([keywords[k] for k in ("description", "expected_output") if k in keywords],
                                          frame, found))]  # fmt: skip
        elif not turns:
            return asking.asked(self._reader, self._messages, call, (called, keywords), frame, found)
        found.turns = turns
        words = found.text
        said = {k for k, _ in system}
        sure = len(turns) > 1 and bool(said & _SURELY_SYSTEM or ("system" in said and "prompt" in keywords))
        if listed is None and not (sure or reads_as_prompt(words, named=True) or gives_orders(words)):
            return None
        return found

    def _sent(self, value: ast.expr, frame: Frame) -> Parts:
        text = asking.listed(self._reader, value, frame)
        return self._reader.pieces(value, frame) if text is None else text

    def _lines(self, values: list[ast.expr], frame: Frame, found: Found) -> Parts:
        between = Literal("\n", found.start, found.start, values[0], settled=True)
        return tuple(p for v in values for p in (*self._reader.pieces(v, frame), between))[:-1]

    def body(self, expr: ast.Dict, frame: Frame, name: str) -> Found | None:
        """The body of a request to a model that is written as a dict: system text and messages go out together."""
        keys = {k.value for k in expr.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)}
        if not keys & _SYSTEM or not keys & {"messages", "contents", "input"}:
            return None
        given = [
            ast.keyword(k.value, v) for k, v in zip(expr.keys, expr.values, strict=True)
            if isinstance(k, ast.Constant) and isinstance(k.value, str)
        ]  # fmt: skip
        call = ast.Call(ast.copy_location(ast.Name("request", ast.Load()), expr), [], given)
        return self.read(ast.copy_location(call, expr), frame, name)

    def _system(self, value: ast.expr, frame: Frame) -> Parts | None:
        if isinstance(value, ast.List):
            return self._messages.content(value, frame)
        text = self._reader.text(value, frame)
        if text is None and isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            return (Value(value, *self._reader.parsed.span(value), frame),) if not isinstance(value, ast.Call) else None
        return text

    def _turns(self, value: ast.expr, frame: Frame, notes: list[Note]) -> list[Turn] | None:
        return self._messages.turns(value, frame, notes)


def _configured(config: ast.expr | None) -> dict[str, ast.expr]:
    """The system text in a request's `config=`, which is a call or a dict."""
    match config:
        case ast.Call():
            return {k.arg: k.value for k in config.keywords if k.arg in _SYSTEM}
        case ast.Dict():
            return {
                k.value: v for k, v in zip(config.keys, config.values, strict=True)
                if isinstance(k, ast.Constant) and k.value in _SYSTEM
            }  # fmt: skip
        case _:
            return {}


def _engine(called: str, keywords: dict[str, ast.expr]) -> str:
    said = keywords.get("template_format")
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        return _ENGINES.get(said.value.lower(), "")
    if called in ("RichPromptTemplate", "from_string", "Template", "PromptBuilder"):
        return "jinja2"
    return ""


def _jinja(func: ast.expr) -> bool:
    """jinja2's Template; string.Template is read where it is filled."""
    return isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in ("jinja2", "jinja")


def _role_of_class(func: ast.expr) -> str | None:
    path = called_path(func)
    for word, role in (("System", "system"), ("Human", "user"), ("AIMessage", "assistant")):
        if f"{word}MessagePrompt" in path or (word in path and "Message" in path):
            return role
    return None
