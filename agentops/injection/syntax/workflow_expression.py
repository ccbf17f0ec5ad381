"""Expressions of GitHub workflows (`${{ ... }}`): what they are called, and who writes what they are filled with."""

from __future__ import annotations

import re
from dataclasses import replace

from agentops.injection.kinds import Kind
from agentops.injection.syntax import workflow_made
from agentops.injection.syntax.tree import Items, Leaf, Node, Pairs
from agentops.injection.syntax.workflow_where import MAX_STEPS, Value, Where, script_of
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
    if root == "vars":
        return Value(name, Assigned(Kind.OPERATOR, f"{root} are set by who owns the repository"))
    if root == "inputs":
        return _input(name, rest, where)
    if depth >= _MAX_FOLLOWED:
        return Value(name, None)
    if root == "matrix":
        return _matrix(name, rest, where, depth)
    if root == "env" and (leaf := where.env(rest)) is not None:
        inner = text_value(leaf, where, depth + 1)
        fixed = Assigned(Kind.CONSTANT, "the file itself gives the value")
        return Value(name, inner.assigned) if inner is not None else Value(name, fixed)
    if root == "env":
        made = variable(rest, where, depth)
        return Value(name, made.assigned) if made is not None else Value(name, None)
    if root == "steps":
        return _step_output(name, rest, where, depth)
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
        return Value(name, Assigned(Kind.THIRD_PARTY, "anybody can write the text of the event"))
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


def _matrix(name: str, rest: str, where: Where, depth: int) -> Value:
    """A value of the job's matrix: the file's own, or what an expression makes of another job's output."""
    memo = (name, id(where.job))
    if memo not in where.known.values:
        where.known.values[memo] = None
        where.known.values[memo] = _combined(name, rest, where, depth)
    return where.known.values[memo] or Value(name, None)


def _combined(name: str, rest: str, where: Where, depth: int) -> Value:
    strategy = where.job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Pairs) else None
    own = Value(name, Assigned(Kind.OPERATOR, "matrix are set by who owns the repository"))
    key = rest.partition(".")[0].removesuffix("[]")
    given: list[Node] = [matrix] if isinstance(matrix, Leaf) else []
    if isinstance(matrix, Pairs):
        listed = matrix.get(key)
        given = [v for v in (listed, matrix.get("include")) if v is not None]
    found = [v for n in given for one in _leaves(n, key) if (v := text_value(one, where, depth + 1)) is not None]
    if not found:
        return own
    worst = min(found, key=_rank)
    unknown = Assigned(Kind.UNKNOWN, "an earlier job makes the matrix")
    return Value(name, worst.assigned or unknown)


def _leaves(node: Node, key: str) -> list[Leaf]:
    """The texts that a matrix has for a key: its list, or that entry of each combination."""
    if isinstance(node, Leaf):
        return [node]
    found: list[Leaf] = []
    for item in node.items[:MAX_STEPS] if isinstance(node, Items) else ():
        one = item.get(key) if isinstance(item, Pairs) else item
        if isinstance(one, Leaf):
            found.append(one)
    return found


def _step_output(name: str, rest: str, where: Where, depth: int) -> Value:
    key, _, output = rest.partition(".")
    if output in ("outcome", "conclusion") or _PLAIN_FIELD.match(output.rsplit(".", 1)[-1].replace("-", "_")):
        return Value(name, Assigned(Kind.CONSTANT, "it is bookkeeping of a step"))
    memo = (name, id(where.job))
    if memo not in where.known.values:
        where.known.values[memo] = None  # an output that is made of itself
        step = next((s for s in where.steps() if s.text("id") == key), None)
        where.known.values[memo] = (
            _made_by(output.removeprefix("outputs."), step, where, depth) if step is not None else None
        )
    known = where.known.values[memo]
    if known is None:
        return Value(name, Assigned(Kind.UNKNOWN, "an earlier step makes it"))
    return Value(name, known.assigned)


def _made_by(output: str, step: Pairs, where: Where, depth: int) -> Value:
    """What an output of a step is made of: the text that its script writes, else anything that the step gets."""
    if AI_ACTION.search(step.text("uses") or ""):
        return Value(output, Assigned(Kind.MODEL, "an earlier step's model wrote it"))
    script = script_of(step)
    made = workflow_made.values(script, "GITHUB_OUTPUT").get(output, [])[:20]
    found = [judged(t, script, where.at(step), depth) for t in made]
    if found and all(f is not None and f.assigned is not None for f in found):
        return min((f for f in found if f is not None), key=_rank)
    if any(f is not None and f.event for f in found) or _fetches(step):
        return Value(output, Assigned(Kind.THIRD_PARTY, "an earlier step makes it of what outsiders wrote"))
    return Value(output, Assigned(Kind.UNKNOWN, "an earlier step makes it"))


def _fetches(step: Pairs) -> bool:
    texts = [v.text for _, v in step.pairs if isinstance(v, Leaf)]
    for part in ("with", "env"):
        inner = step.get(part)
        texts += [v.text for _, v in inner.pairs if isinstance(v, Leaf)] if isinstance(inner, Pairs) else []
    return any(FETCHES.search(t[:50_000]) for t in texts)


def variable(name: str, where: Where, depth: int) -> Value | None:
    """What a variable is that an earlier step of the job writes to `$GITHUB_ENV`, None where none does."""
    memo = (f"$ {name}", id(where.job))
    if memo in where.known.values:
        return where.known.values[memo]
    where.known.values[memo] = None
    found: list[Value] = []
    for text, step in where.variables().get(name, [])[:20]:
        said = judged(text, script_of(step), where.at(step), depth) if text else None
        if said is None and _fetches(step):
            said = Value(name, Assigned(Kind.THIRD_PARTY, "an earlier step fetches it"))
        found.append(said or Value(name, Assigned(Kind.UNKNOWN, "an earlier step makes it")))
    where.known.values[memo] = min(found, key=_rank) if found else None
    return where.known.values[memo]


_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w{0,99})")


def judged(text: str, script: str, where: Where, depth: int = 0) -> Value | None:
    """What a text of a shell script is made of, None where nothing is known of it. Variables that the script itself
    sets are followed once."""
    if FETCHES.search(text):
        return Value("text", Assigned(Kind.THIRD_PARTY, "the script fetches it"))
    found = [value(e[1], where, depth + 1) for e in EXPRESSION.finditer(text[:20_000])]
    open_ends = "`" in text or "$(" in text
    for variable_name in dict.fromkeys(_VARIABLE.findall(EXPRESSION.sub("", text[:20_000]))[:20]):
        if variable_name in ("GITHUB_OUTPUT", "GITHUB_ENV"):
            continue
        leaf = where.env(variable_name)
        inner = text_value(leaf, where, depth + 1) if leaf is not None else None
        if leaf is not None:
            found += [inner] if inner is not None else []
            continue
        said = [] if depth > 1 else re.findall(rf"(?<![\w$-]){variable_name}=([^\n]{{1,2000}})", script[:100_000])[:20]
        deeper = [judged(s, "", where, depth + 1) for s in said]
        found += [d for d in deeper if d is not None]
        open_ends = open_ends or not said or None in deeper
    worst = min(found, key=_rank) if found else None
    if worst is not None and (worst.event or not open_ends):
        return worst
    return None if open_ends else Value("text", Assigned(Kind.CONSTANT, "the script itself gives the value"))


def _needed(name: str, rest: str, where: Where, depth: int) -> Value:
    parts = rest.split(".")
    if parts[-1] == "result":
        return Value(name, Assigned(Kind.CONSTANT, "it is bookkeeping of a job"))
    jobs = where.root.get("jobs")
    job = jobs.get(parts[0]) if isinstance(jobs, Pairs) else None
    outputs = job.get("outputs") if isinstance(job, Pairs) else None
    leaf = outputs.get(parts[-1]) if isinstance(outputs, Pairs) else None
    if isinstance(job, Pairs) and isinstance(leaf, Leaf):
        inner = text_value(leaf, replace(where, job=job, step=job, name=parts[0]), depth + 1)
        if inner is not None:
            return Value(name, inner.assigned)
    return Value(name, Assigned(Kind.UNKNOWN, "an earlier job makes it"))
