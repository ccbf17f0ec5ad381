"""PT015: outside text in a prompt whose answer is run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import mixed, near, noted, orders, settled, untrusted
from agentops.injection.template import NoteKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo

_WRITES = re.compile(
    r"\b(?:writ(?:e|es|ing)|generat\w{1,3}|creat(?:e|es|ing)|produc(?:e|es|ing)|output|return|construct|formulate|"
    r"build|convert\w{0,3}|translat\w{1,3}|turn|infer)\b"
)
_QUERY = re.compile(
    r"\b(?:sql|cypher|sparql|postgres\w{0,3}|mysql|sqlite|kql|gremlin)\b.{0,30}?"
    r"\b(?:quer(?:y|ies)|statements?|commands?|code)\b"
    r"|\b(?:shell|bash|powershell|terminal|kubectl|command[- ]line) commands?\b|\bapi (?:urls?|calls?|requests?)\b"
)
_CODE = re.compile(r"\b(?:code|scripts?|programs?|commands?|query|queries|urls?)\b")
_RUN = re.compile(r"\b(?:will|to|shall) be (?:directly |then )?(?:executed|run|evaluated|called)\b")
_NAMES = re.compile(r"\b(?:what|which|list|extract|find|give|provide|output|determine|identify|get)\b")
_COMMANDS = re.compile(r"\bcommands?\b[^.]{0,40}?\b(?:to (?:be )?|that )(?:run|executed?|runs|executes)\b")
_ITSELF = re.compile(
    r"\b(?:we|i|program|system) (?:will|can|shall) (?:then |directly )?(?:execute|run|eval|evaluate) "
    r"(?:it|this|them|your (?:code|answer|response|output|query))\b"
)


def _runs(order: str) -> bool:
    """Whether the order, in lower case, asks for something that is run."""
    return (
        near(order, first=_WRITES, then=_QUERY)
        or near(order, first=_CODE, then=_RUN)
        or _ITSELF.search(order) is not None
    )


def _check(judged: Judged) -> Iterator[Hit]:
    holes = [place.one for place in untrusted(judged) if mixed(place) and not settled(place.one)]
    if not holes:
        return
    for note in judged.template.notes:
        if note.kind is NoteKind.OUTPUT_RUNS:
            yield noted(note, f"{note.kind.value}, and {holes[0].hole.shown} is filled by others")
            return
    if any(_runs(order) for order in orders(judged)):
        yield Hit.at(holes[0], f"{holes[0].hole.shown} shapes an answer that is meant to be run")


RULE = Rule(
    RuleInfo(
        id="PT015",
        title="Untrusted text shapes what is run",
        severity=Severity.CRITICAL,
        what=(
            "The answer is code, a query, a command or a call that gets executed, and a value that outsiders "
            "write shapes it."
        ),
        why="An order in the value becomes a command on your machine or in your data base, with the program's rights.",
        example="Write one SQL query that answers this.\n{question}",
        remedy=(
            "Check the answer against a list of what is allowed, run it with the least rights in a sandbox, and "
            "bound and declare the value."
        ),
        owasp=("LLM01", "LLM05"),
        owasp_2026=("LLM01", "LLM10"),
        asi=("ASI05",),
        atlas=("T0053",),
        cwe=(94, 1426),
    ),
    _check,
    effect=True,
)
