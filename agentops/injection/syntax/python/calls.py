"""Calls that take prompts: prompt templates of frameworks, agents, and clients of model APIs."""

from __future__ import annotations

import ast
import re

from agentops.injection.syntax.python.found import Found, Turn
from agentops.injection.syntax.python.messages import Messages
from agentops.injection.syntax.python.origin import Origins, called_path
from agentops.injection.syntax.python.words import gives_orders, reads_as_prompt
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location
from agentops.pysource.filling import for_engine
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import dotted
from agentops.pysource.texts import Frame, Literal, Parts, Value

_SYSTEM = frozenset((
    "system", "system_prompt", "system_message", "system_instruction", "system_instructions", "instructions",
    "instruction", "developer_message", "sys_prompt", "preamble", "system_prompt_template", "additional_instructions",
    "global_instruction", "state_modifier", "messages_modifier", "prompt_system",
))  # fmt: skip
_MESSAGES = frozenset(("messages", "input", "contents", "prompt", "chat_history", "message_list", "conversation"))
_USER = frozenset(
    ("prompt", "input", "contents", "user_prompt", "user_message", "query", "message", "user_input", "task")
)
_CREW = ("role", "goal", "backstory")
_TEMPLATES = frozenset((
    "PromptTemplate", "RichPromptTemplate", "FewShotPromptTemplate", "QuestionAnswerPrompt", "RefinePrompt", "Prompt",
    "StringPromptTemplate", "PipelinePromptTemplate", "ChatPromptTemplate", "SelectorPromptTemplate", "PromptBuilder",
    "FewShotChatMessagePromptTemplate", "PromptTemplateConfig", "ChatPromptBuilder",
))  # fmt: skip
_ENGINES = {"jinja2": "jinja2", "mustache": "mustache", "f-string": "str.format", "handlebars": "mustache"}
_MODEL_CALL = re.compile(
    r"(?:llm|model|client|openai|anthropic|chain|gpt|claude|gemini|chat|agent|completion|genai|assistant|prompt)", re.I
)
_ASKS = re.compile(
    r"^(?:a?invoke|a?predict|a?generate\w*|a?complete\w*|create|a?chat\w*|ask\w*|a?run\w*|a?stream\w*|query\w*|prompt\w*|"
    r"send_message\w*|completions?|acompletion|call_\w+|llm\w*|model|agent|chain|achat\w*|get_completion\w*|respond)$",
    re.I,
)
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
        function = frame.scope.function
        shown = function.name if function is not None else name or called
        found = Found(shown, self._reader.parsed.span(call)[0], self._reader.parsed.span(call), [], frame.scope)
        found.placed = True
        keywords = {k.arg: k.value for k in call.keywords if k.arg}
        if called in ("from_messages", "ChatPromptTemplate", "ChatPromptBuilder", "ChatTemplate"):
            listed = keywords.get("messages") or keywords.get("template") or (call.args[0] if call.args else None)
            turns = self._messages.turns(listed, frame, found.notes, pairs=True) if listed is not None else None
            if turns:
                found.turns = turns
                return found
        if (
            called in _TEMPLATES
            or called in ("from_template", "from_string")
            or (called == "Template" and _jinja(func))
        ):
            return self._template(call, called, keywords, frame, found)
        return self._request(call, called, keywords, frame, found)

    def group_of(self, call: ast.Call) -> str:
        """The variable that holds the messages of the call."""
        return next((dotted(k.value) for k in call.keywords if k.arg in _MESSAGES and dotted(k.value)), "")

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
        found.turns = [(_role_of_class(call.func), tuple(p for one in parts for p in one))]
        listed = keywords.get("input_variables")
        if isinstance(listed, ast.List | ast.Tuple):
            found.declared = tuple(
                e.value for e in listed.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)
            )
        if isinstance(partial := keywords.get("partial_variables"), ast.Dict):
            for key, value in zip(partial.keys, partial.values, strict=True):
                origin = self._origins.of(value, frame)[0]
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and origin.assigned is not None:
                    found.assigned[key.value] = origin.assigned
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
        system = [(k, v) for k, v in keywords.items() if k in _SYSTEM]
        crew = "backstory" in keywords or ("goal" in keywords and "role" in keywords)
        if crew:
            system = [(k, keywords[k]) for k in _CREW if k in keywords] + [s for s in system if s[0] not in _CREW]
        turns: list[Turn] = []
        if texts := [t for t in (self._system(v, frame) for _, v in system) if t]:
            between = Literal("\n", found.start, found.start, call, settled=True)
            turns.append(("system", tuple(p for t in texts for p in (*t, between))[:-1]))
        listed = next((keywords[k] for k in keywords if k in _MESSAGES and self._turns(keywords[k], frame, [])), None)
        if listed is not None:
            turns += self._turns(listed, frame, found.notes) or []
        elif turns and (asked := [v for k, v in keywords.items() if k in _USER]):
            turns += [("user", self._reader.pieces(v, frame)) for v in asked]
        elif not turns:
            return self._asked(call, called, keywords, frame, found)
        found.turns = turns
        words = found.text
        if listed is None and not (reads_as_prompt(words, named=True) or gives_orders(words)):
            return None
        return found

    def _asked(
        self, call: ast.Call, called: str, keywords: dict[str, ast.expr], frame: Frame, found: Found
    ) -> Found | None:
        """`llm.invoke("...")`: one text, which a model gets."""
        if not _ASKS.match(called) or not _MODEL_CALL.search(called_path(call.func)):
            return None
        given = [v for k, v in keywords.items() if k in _USER] or call.args[:1]
        for value in given:
            if turns := self._turns(value, frame, found.notes):
                found.turns = turns
                return found
            text = self._reader.text(value, frame)
            if text is not None:
                found.turns = [(None, text)]
                if gives_orders(found.text):
                    return found
        return None

    def _system(self, value: ast.expr, frame: Frame) -> Parts | None:
        if isinstance(value, ast.List):
            return self._messages.content(value, frame)
        text = self._reader.text(value, frame)
        if text is None and isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            return (Value(value, *self._reader.parsed.span(value), frame),) if not isinstance(value, ast.Call) else None
        return text

    def _turns(self, value: ast.expr, frame: Frame, notes: list[Note]) -> list[Turn] | None:
        return self._messages.turns(value, frame, notes)


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
