"""What the scripts of a workflow write for later steps: variables, outputs, and files that hold prompts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

_MAX_SCRIPT = 100_000
_MAX_TEXT = 4_000
_MOST = 200
_HEREDOC = re.compile(r"<<-?[ \t]{0,5}(['\"]?)(\w{1,40})\1")
_SAYS = re.compile(r"\s*(?:echo|printf)\b")
_ENDS = re.compile(r"\s*(?:echo|printf)\s{1,9}[\"']?\Z")  # the word before the mark that closes
_SET = re.compile(r"(?<![\w$-])([A-Za-z_][\w.-]{0,99})(=|<<)")
_CALLED = re.compile(r"\b(setOutput|exportVariable)\(\s{0,9}[\"'`]([\w.-]{1,100})[\"'`]")
_INTO = re.compile(r"(?:>>?|\btee(?: -a)?)[ \t]{0,4}[\"']?(?:\./)?([\w./-]{1,200})")


@dataclass(frozen=True, slots=True)
class Written:
    """A text that a script writes. `literal`: the shell fills nothing in."""

    text: str
    literal: bool = False


def values(script: str, store: str) -> dict[str, list[str]]:
    """The texts that a script writes into `$GITHUB_ENV` or `$GITHUB_OUTPUT`, by name; "" where a call of the toolkit
    does (`core.setOutput`), whose value is not read. Linear in the script."""
    script = script[:_MAX_SCRIPT]
    found: dict[str, list[str]] = {}
    for call in islice(_CALLED.finditer(script), _MOST):
        if (call[1] == "setOutput") == (store == "GITHUB_OUTPUT"):
            found.setdefault(call[2], []).append("")
    if store not in script:
        return found
    for one in islice(_SET.finditer(script), _MOST):
        end = script.find("\n", one.end())
        end = len(script) if end < 0 else end
        if one[2] == "=":
            text = script[one.end() : min(end, one.end() + _MAX_TEXT)]
        else:
            # `name<<EOF` and what follows, up to the line that says EOF again.
            mark = re.match(r"[\"']?(\$?\{?\w{1,60}\}?)", script[one.end() : one.end() + 70])
            begin = one.end() + (mark.end() if mark is not None else 0)
            close = script.find(mark[1], begin, begin + _MAX_TEXT) if mark is not None else -1
            lines = re.split(r"[\n;]", script[begin : close if close >= 0 else begin + _MAX_TEXT])[1:]
            # What a command prints there is not seen: it stands for its output. So does what cannot be made out.
            said = [s if _SAYS.match(s) else f"$({s})" for s in lines if s.strip(" \"'{}")]
            text = "\n".join(said[:-1] if close >= 0 and said and _ENDS.match(said[-1]) else said) or "$()"
        found.setdefault(one[1], []).append(text)
    return found


def files(script: str) -> dict[str, list[Written]]:
    """The texts that a script writes into files, by path: a here-document, else the line up to there. Linear."""
    script = script[:_MAX_SCRIPT]
    found: dict[str, list[Written]] = {}
    for place in islice(_INTO.finditer(script), _MOST):
        begin = script.rfind("\n", 0, place.start()) + 1
        end = script.find("\n", place.end())
        end = len(script) if end < 0 else end
        here = _HEREDOC.search(script, max(begin, place.start() - _MAX_TEXT), min(end, place.end() + _MAX_TEXT))
        if here is None:
            one = Written(script[max(begin, place.start() - _MAX_TEXT) : place.start()])
        else:
            close = re.compile(rf"^[ \t]*{here[2]}[ \t]*$", re.MULTILINE).search(script, end, end + 5 * _MAX_TEXT)
            one = Written(script[end + 1 : close.start() if close else end + 5 * _MAX_TEXT], bool(here[1]))
        found.setdefault(place[1], []).append(one)
    return found
