"""Requests of any form by Jinja templates, as the configuration gives them under agent.http.

What the templates see: `text`, what the user says in this turn; `session`; `turn`, counted from 1; `history`, all
messages so far as objects with `role` and `content`, this turn's last; `files`, objects with `name`, `media_type` and
`base64`. In the body a text that is exactly one expression, `"{{ history }}"`, gives its value with its type; any
other text gives text. In the path what the expressions give is quoted, and what stands between them left as it is.
Templates run in Jinja's sandbox, unknown names are refused, and what the user says is never a template itself.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agentops.errors import ConfigError, TargetError
from agentops.model.case import Turn
from agentops.text import one_line
from agentops.wire import files

NAMES = frozenset({"text", "session", "turn", "history", "files"})
_BREAK = re.compile(r"[\r\n\x00]")
# What a template may raise besides Jinja's own errors, for values that it was not made for.
_OF_VALUES = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)

Render = Callable[[Mapping[str, Any]], Any]


def variables(turn: Turn, *, session: str, user: str, number: int, history: list[dict[str, str]]) -> dict[str, Any]:
    """What the templates see in a turn; `history` is that of the turns before."""
    said = [*history, {"role": "user", "content": turn.text}]
    seen = {"text": turn.text, "session": session, "user": user, "turn": number, "history": said}
    return seen | {"files": files.listed(turn.files)}


class Templates:
    """The templates of a configuration, compiled. Raises ConfigError that names the key of one that is wrong."""

    def __init__(self, *, path: str, headers: Mapping[str, str], body: Any) -> None:
        plain = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        quoting = plain.overlay(finalize=_quoted)
        self._path = _compiled(quoting, path, "agent.path", whole=False)
        self._headers = {
            name: _compiled(plain, value, f"agent.http.headers.{name}", whole=False) for name, value in headers.items()
        }
        self._body = _tree(plain, body, "agent.http.body")

    def path(self, seen: Mapping[str, Any]) -> str:
        """The path of a request. Raises TargetError where the template fails on this turn."""
        return str(self._path(seen))

    def headers(self, seen: Mapping[str, Any]) -> dict[str, str]:
        """The headers of a request. Raises TargetError."""
        made = {name: str(render(seen)) for name, render in self._headers.items()}
        for name, value in made.items():
            if _BREAK.search(value):
                raise TargetError(
                    f"agent.http.headers.{name}: a header cannot hold a line break",
                    hint="send what users say in the body, or with a filter such as | urlencode",
                )
        return made

    def body(self, seen: Mapping[str, Any]) -> Any:
        """The body of a request: JSON as objects, or a text that goes as it is. Raises TargetError."""
        made = self._body(seen)
        try:
            json.dumps(made)
        except _OF_VALUES as error:
            words = one_line(str(error), 160)
            raise TargetError(f"agent.http.body: the templates give what is no JSON: {words}") from None
        return made


def _tree(env: ImmutableSandboxedEnvironment, value: Any, place: str) -> Render:
    """Renders every text in lists and mappings; keys and everything else stay."""
    if isinstance(value, str):
        return _compiled(env, value, place, whole=True)
    if isinstance(value, dict):
        parts = {key: _tree(env, item, f"{place}.{key}") for key, item in value.items()}
        return lambda seen: {key: part(seen) for key, part in parts.items()}
    if isinstance(value, list):
        rows = [_tree(env, item, f"{place}.{i}") for i, item in enumerate(value)]
        return lambda seen: [row(seen) for row in rows]
    return lambda _: value


def _compiled(env: ImmutableSandboxedEnvironment, source: str, place: str, *, whole: bool) -> Render:
    """`whole`: a text that is one expression gives its value with its type."""
    try:
        unknown = meta.find_undeclared_variables(env.parse(source)) - NAMES - set(env.globals)
        template = env.from_string(source)
        one = _expression(env, source) if whole else None
        value = env.compile_expression(one, undefined_to_none=False) if one else None
    except TemplateSyntaxError as error:
        words = one_line(error.message or "", 160)
        raise ConfigError(f"{place}: no Jinja template: {words}", hint="see docs/protocols.md") from None
    except TemplateError as error:
        raise ConfigError(f"{place}: no Jinja template: {one_line(str(error), 160)}") from None
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ConfigError(f"{place}: unknown in a template: {names}", hint=f"known are {', '.join(sorted(NAMES))}")

    def render(seen: Mapping[str, Any]) -> Any:
        try:
            if value is None:
                return template.render(seen)
            found = value(**seen)
            if isinstance(found, Undefined):
                str(found)  # says what is missing
            return found
        except (TemplateError, *_OF_VALUES) as error:
            raise TargetError(
                f"{place}: the template fails on this turn: {one_line(str(error), 160)}",
                hint="a case without files, or a first turn, may lack what the template takes for granted",
            ) from None

    return render


def _expression(env: ImmutableSandboxedEnvironment, source: str) -> str | None:
    """The expression of a text that is exactly one, None for any other."""
    text = source.strip()
    tree = env.parse(text).body
    output = tree[0] if len(tree) == 1 else None
    if (
        not isinstance(output, nodes.Output)
        or len(output.nodes) != 1
        or isinstance(output.nodes[0], nodes.TemplateData)
    ):
        return None
    # A mark right inside the braces is about white space.
    inner = text[2:-2]
    inner = inner[1:] if inner[:1] in ("-", "+") else inner
    return inner[:-1] if inner[-1:] in ("-", "+") else inner


def _quoted(value: Any) -> Any:
    if isinstance(value, Undefined):
        return value
    return urllib.parse.quote(str(value), safe="", errors="replace")
