"""Expressions of GitHub workflows (`${{ ... }}`): what they are called, and who writes what they are filled with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentops.injection.kinds import Kind
from agentops.injection.syntax.tree import Items, Leaf, Pairs
from agentops.injection.template import Assigned

EXPRESSION = re.compile(r"\$\{\{((?:[^}$]|\$(?!\{\{)|\}(?!\})){0,1000}+)\}\}")
"""An expression; what it holds is its first group."""

AI_ACTION = re.compile(
    r"claude|anthropic|openai|codex|gemini|gpt|llm|ai-inference|copilot|aider|ollama|mistral|deepseek|coderabbit|qwen"
    r"|opencode|(?:^|[/_-])(?:ai|agent)(?:[/_@-]|$)",
    re.IGNORECASE,
)
"""The names of actions that ask a model."""

FETCHES = re.compile(
    r"\bgh\s+(?:api|issue|pr|run|search|release)\b|\bcurl\b|\bwget\b|\bgit\s+(?:diff|log|show)\b|github\.rest|octokit"
    r"|context\.payload|\$GITHUB_EVENT_PATH"
    r"|github\.event\.[\w.*\[\]]{0,100}(?:title|body|message|ref|description)|github\.head_ref"
)
"""A script that gets what outsiders wrote."""

_STRING = re.compile(r"'(?:[^']|'')*+'")
_PATH = re.compile(r"[A-Za-z_][\w-]*+(?:\.(?:[\w-]++|\*)|\[[^\[\]\n]{1,80}\])*+(?!\s*\()")
_CONDITION = re.compile(
    r"[=!<>]=|[<>]|^\s*!|^\s*(?:contains|startsWith|endsWith|success|failure|always|cancelled|hashFiles)\s*\("
)
_INDEX = re.compile(r"\[(?:'([^']*)'|[^\]]*)\]|\.\*")
_WORDS = frozenset(("true", "false", "null", "format", "NaN", "Infinity"))

# Fields of an event that outsiders cannot fill with words.
_PLAIN_FIELD = re.compile(
    r"(?:number|id|node_id|sha|url|html_url|diff_url|patch_url|\w+_url|\w+_at|\w+_id|state|draft|merged|locked|action|count|size"
    r"|default_branch|additions|deletions|changed_files|commits|comments|type|private|full_name|association"
    r"|author_association|before|after|installation|event_name|base_ref)\Z"
)
_TEXT_EVENT = re.compile(
    r"github\.(?:head_ref\Z|event\Z|event\.(?:issue|pull_request|comment|review|review_comment|discussion|commits\[\]|head_commit"
    r"|workflow_run|release|pages\[\]|milestone|changes|answer|project_card|alert)(?=[.\[]|\Z))"
)
_FORMS = frozenset(("number", "boolean", "choice", "environment"))
_MAX_FOLLOWED = 4
_MAX_STEPS = 300


@dataclass(frozen=True, slots=True)
class Where:
    """A step with the job and the workflow around it."""

    root: Pairs
    job: Pairs
    step: Pairs
    name: str

    def env(self, name: str) -> Leaf | None:
        """The value of a variable of the environment, from the step outwards."""
        for around in (self.step, self.job, self.root):
            env = around.get("env")
            value = env.get(name) if isinstance(env, Pairs) else None
            if isinstance(value, Leaf):
                return value
        return None


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression stands for. `assigned` is None where nothing is known; `event`: it is text of an event."""

    name: str
    assigned: Assigned | None
    event: bool = False


def value(expression: str, where: Where, depth: int = 0) -> Value:
    """Read an expression. Of several alternatives the one with the least trust counts."""
    bare = _STRING.sub("''", expression)
    found = [_path(path, where, depth) for path in _paths(bare)]
    if not found:
        # Not the name of what is tested, which may stand elsewhere as a text.
        return Value("expression", Assigned(Kind.CONSTANT, "the expression chooses among values of the file"))
    return min(found, key=_rank)


def text_value(leaf: Leaf, where: Where, depth: int) -> Value | None:
    """What a text with expressions stands for, None where it holds none."""
    found = [value(e[1], where, depth) for e in EXPRESSION.finditer(leaf.text[:20_000])]
    return min(found, key=_rank) if found else None


def _rank(one: Value) -> int:
    if one.assigned is None:
        return 2
    order = (Kind.THIRD_PARTY, Kind.MODEL, Kind.UNKNOWN, Kind.USER, Kind.OPERATOR, Kind.CONSTANT)
    return order.index(one.assigned.kind)


def _paths(bare: str) -> list[str]:
    """The paths whose values the expression can have, not those that it only tests."""
    paths: list[str] = []
    for choice in bare.split("||")[:20]:
        last = choice.rsplit("&&", 1)[-1]
        if _CONDITION.search(last) is None:
            paths.extend(p for p in _PATH.findall(last)[:20] if p not in _WORDS)
    return paths


def _dotted(path: str) -> str:
    return _INDEX.sub(lambda m: f".{m[1]}" if m[1] else "[]", path)


def _path(path: str, where: Where, depth: int) -> Value:
    name = _dotted(path)
    root, _, rest = name.partition(".")
    if root == "github":
        return _github(name, where)
    if root in ("secrets", "runner", "job", "strategy"):
        return Value(name, Assigned(Kind.CONSTANT, f"{root} are values of the workflow's own"))
    if root in ("vars", "matrix"):
        return Value(name, Assigned(Kind.OPERATOR, f"{root} are set by who owns the repository"))
    if root == "inputs":
        return _input(name, rest, where)
    if depth >= _MAX_FOLLOWED:
        return Value(name, None)
    if root == "env" and (leaf := where.env(rest)) is not None:
        inner = text_value(leaf, where, depth + 1)
        fixed = Assigned(Kind.CONSTANT, "the file itself gives the value")
        return Value(name, inner.assigned, inner.event) if inner is not None else Value(name, fixed)
    if root == "steps":
        return _step_output(name, rest, where)
    if root == "needs":
        return _needed(name, rest, where, depth)
    return Value(name, None)


def _github(name: str, where: Where) -> Value:
    last = name.removesuffix("[]").rsplit(".", 1)[-1]
    if name.startswith("github.event.inputs."):
        return _input(name, name.removeprefix("github.event.inputs."), where)
    if last == "login" or name in ("github.actor", "github.triggering_actor"):
        return Value(name, None)
    if name not in ("github.event", "github.head_ref") and _PLAIN_FIELD.match(last):
        return Value(name, Assigned(Kind.CONSTANT, f"{last} holds no words of outsiders"))
    if _TEXT_EVENT.match(name):
        return Value(name, Assigned(Kind.THIRD_PARTY, "anybody can write the text of the event"), event=True)
    if name in ("github.ref", "github.ref_name") or last == "label" or name.endswith("label.name"):
        return Value(name, Assigned(Kind.OPERATOR, "it is named by who may write to the repository"))
    if name.startswith("github.event."):
        return Value(name, None)
    return Value(name, Assigned(Kind.CONSTANT, "it is a value of the run"))


def _input(name: str, key: str, where: Where) -> Value:
    triggers = where.root.get("on", "true", "True")
    called = isinstance(triggers, Pairs) and triggers.has("workflow_call")
    dispatch = triggers.get("workflow_dispatch") if isinstance(triggers, Pairs) else None
    for holder in (dispatch, triggers.get("workflow_call") if isinstance(triggers, Pairs) else None, where.root):
        listed = holder.get("inputs") if isinstance(holder, Pairs) else None
        entry = listed.get(key) if isinstance(listed, Pairs) else None
        if isinstance(entry, Pairs) and entry.text("type") in _FORMS:
            return Value(name, Assigned(Kind.CONSTANT, f"the input is of the type {entry.text('type')}"))
        if entry is not None and holder is dispatch and not called:
            return Value(name, Assigned(Kind.OPERATOR, "who may start the workflow by hand types it"))
    if dispatch is not None and not called:
        return Value(name, Assigned(Kind.OPERATOR, "who may start the workflow by hand types it"))
    return Value(name, Assigned(Kind.UNKNOWN, "the caller of the workflow gives it"))


def _step_output(name: str, rest: str, where: Where) -> Value:
    key, _, output = rest.partition(".")
    if output in ("outcome", "conclusion") or _PLAIN_FIELD.match(output.rsplit(".", 1)[-1].replace("-", "_")):
        return Value(name, Assigned(Kind.CONSTANT, "it is bookkeeping of a step"))
    steps = where.job.get("steps")
    for step in steps.items[:_MAX_STEPS] if isinstance(steps, Items) else ():
        if isinstance(step, Pairs) and step.text("id") == key:
            return _made_by(name, step)
    return Value(name, Assigned(Kind.UNKNOWN, "an earlier step makes it"))


def _made_by(name: str, step: Pairs) -> Value:
    if AI_ACTION.search(step.text("uses") or ""):
        return Value(name, Assigned(Kind.MODEL, "an earlier step's model wrote it"))
    texts = [v.text for _, v in step.pairs if isinstance(v, Leaf)]
    for part in ("with", "env"):
        inner = step.get(part)
        texts += [v.text for _, v in inner.pairs if isinstance(v, Leaf)] if isinstance(inner, Pairs) else []
    if any(FETCHES.search(t[:50_000]) for t in texts):
        return Value(name, Assigned(Kind.THIRD_PARTY, "an earlier step makes it of what outsiders wrote"), event=True)
    return Value(name, Assigned(Kind.UNKNOWN, "an earlier step makes it"))


def _needed(name: str, rest: str, where: Where, depth: int) -> Value:
    parts = rest.split(".")
    if parts[-1] == "result":
        return Value(name, Assigned(Kind.CONSTANT, "it is bookkeeping of a job"))
    jobs = where.root.get("jobs")
    job = jobs.get(parts[0]) if isinstance(jobs, Pairs) else None
    outputs = job.get("outputs") if isinstance(job, Pairs) else None
    leaf = outputs.get(parts[-1]) if isinstance(outputs, Pairs) else None
    if isinstance(job, Pairs) and isinstance(leaf, Leaf):
        inner = text_value(leaf, Where(where.root, job, job, parts[0]), depth + 1)
        if inner is not None:
            return Value(name, inner.assigned, inner.event)
    return Value(name, Assigned(Kind.UNKNOWN, "an earlier job makes it"))
