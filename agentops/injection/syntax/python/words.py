"""What names and wording tell about a text in Python source: whether it is a prompt, and for which role.

The names are those that agent frameworks and their users write; the wording is that of orders to a model.
"""

from __future__ import annotations

import re
from itertools import islice, pairwise

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_WIDE_SCRIPT = re.compile(r"[\u2e80-\uffdc]")

_PROMPT_NAMES = frozenset((
    "prompt", "prompts", "instruction", "instructions", "preamble", "persona", "backstory", "sysprompt", "sysmsg",
    "systemprompt", "jailbreak", "fewshot", "metaprompt", "prompting",
))  # fmt: skip
_PROMPT_PAIRS = frozenset((
    "system_message", "system_msg", "system_text", "system_content", "user_message", "user_template", "human_message",
    "system_template", "human_template", "assistant_message", "developer_message", "chat_template", "qa_template",
    "answer_template", "query_template", "few_shot", "system_context", "judge_system", "sys_msg", "sys_message",
    "guard_template", "grading_template", "judge_template", "critique_template", "summary_template", "agent_template",
))  # fmt: skip
# Last words that say that a text names or describes a prompt, and is none.
_ABOUT = frozenset((
    "name", "names", "path", "file", "filename", "dir", "directory", "id", "key", "version", "url", "uri", "type",
    "variable", "variables", "hash", "length", "tokens", "token", "label", "title", "style", "cls", "class", "regex",
    "pattern", "error", "config", "role", "env", "help",
))  # fmt: skip
_ROLE_WORDS = {
    "system": "system", "sys": "system", "developer": "developer", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant",
}  # fmt: skip
_TRAILERS = frozenset((
    "prompt", "prompts", "template", "templates", "message", "msg", "instruction", "instructions", "text", "content",
    "tmpl", "context", "str", "string",
))  # fmt: skip
_SAID = frozenset(("message", "msg", "turn"))
_INSTRUCTIONS = frozenset(
    ("instructions", "instruction", "get_instructions", "get_instruction", "dynamic_instructions")
)

ROLES = {
    "system": "system", "developer": "developer", "user": "user", "human": "user", "assistant": "assistant",
    "ai": "assistant", "model": "assistant", "bot": "assistant", "gpt": "assistant", "tool": "tool",
    "function": "tool", "ipython": "tool", "chatbot": "assistant",
}  # fmt: skip
"""The roles that model APIs and frameworks write, by ours."""

ORDER = re.compile(
    r"\b(?:you are (?:an?|the|now|given|provided|acting|helping|assessing|evaluating|tasked|asked|comparing|going)\b|"
    r"you(?:'re| will| must| should| have)\s(?:an?|be|been|receive|only|not|never|always|respond|answer|act|use)\b|"
    r"act as|your (?:task|job|role|goal|purpose|mission|objective|answer|response|output|reply)|"
    r"(?:the|this) (?:task|goal) is to|"
    r"(?:respond|reply|answer|output|return|provide)\b[^.\n]{0,40}\b(?:with|in|only|using|as|json|yes|based|question|"
    r"following|answer|response)|"
    r"given (?:the|a|an|this|these)\b|based (?:only )?(?:on|upon) (?:the|this|these)|"
    r"(?:use|using|read|consider|analy[sz]e|answer|review|evaluate|assess|examine) (?:the|this|these|only|each)\b|"
    r"(?:summari[sz]e|translate|classify|rewrite|rephrase|paraphrase|categori[sz]e|critique|proofread|extract|"
    r"rate|score|generate|write|create|draft|explain|describe|determine|identify|decide)"
    r" (?:the|this|an?|these|all|any|whether|each|it|every|if|to)\b|"
    r"please|think step by step|step by step|(?:do not|don't|never) (?:follow|make up|mention|include|answer|use|add|"
    r"output|reveal|ask|repeat|invent)|helpful (?:assistant|agent|ai)|ai (?:assistant|agent|model)|language model|"
    r"assistant (?:helps|will|is|that)|untrusted|make sure|be sure to|ensure (?:that |your |you |all )|"
    r"instructions?\s{0,3}:|question\s{0,3}:|context\s{0,3}:)",
    re.I,
)
"""An order as prompts give it, in English."""
STRONG_ORDER = re.compile(
    r"\byou are (?:an?|the|given|tasked|acting|now)\b|\byour (?:task|job|role|goal|answer|response|output)\b|\bact as\b"
    r"|\b(?:as an|helpful) (?:ai|assistant|expert)\b|\blanguage model\b|\buntrusted\b",
    re.I,
)
"""An order that nobody but a model is given."""
_OTHER_LANGUAGE = re.compile(
    r"\A\s{0,20}(?:(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE (?:TABLE|INDEX|OR|VIEW|TYPE|EXTENSION)|WITH \w+ AS|"
    r"ALTER TABLE|MATCH \(|MERGE|CALL|DROP|PRAGMA)\b|<(?:!DOCTYPE|html|div|table|head|body|span|svg|style|script)\b|"
    r"<\?xml|#!|(?:usage|Usage):|import |from \w+ import|def |class |function |var |const |https?://|\(\?|\^|FROM \w)",
)
_MANY = 12
_FEW = 3


def words(name: str) -> list[str]:
    """The words of a name, small."""
    split = _CAMEL.sub("_", name).lower().replace("-", "_").replace(".", "_").split("_")
    # `prompt2` is a prompt.
    return [w.rstrip("0123456789") or w for w in split if w]


def names_prompt(name: str) -> bool:
    """Whether a variable, a key, a parameter or a function of that name holds a prompt."""
    parts = words(name)
    if not parts or parts[-1] in _ABOUT:
        return False
    pairs = {f"{a}_{b}" for a, b in pairwise(parts)}
    return any(p in _PROMPT_NAMES for p in parts) or bool(pairs & _PROMPT_PAIRS)


def names_template(name: str) -> bool:
    """Whether the name says that the text will be filled later."""
    return any(w in ("template", "templates", "tmpl", "format", "fmt") for w in words(name))


def role_of(name: str) -> str | None:
    """The role that a name tells: `SYSTEM_PROMPT`, `user_message`, `judge_system`."""
    if name.lower().lstrip("_").removeprefix("self.") in _INSTRUCTIONS:
        return "system"
    parts = words(name)
    for one, following in pairwise(parts):
        # An assistant's prompt is what it is told, an assistant's message what it says.
        if one in _ROLE_WORDS and following in (_SAID if one in ("assistant", "ai") else _TRAILERS):
            return _ROLE_WORDS[one]
    while len(parts) > 1 and (parts[-1] in _TRAILERS or parts[-1].isdigit()):
        parts.pop()
    if len(parts) > 1 and parts[-1] in ("system", "user", "human", "developer"):
        return _ROLE_WORDS[parts[-1]]
    if parts and parts[0] in ("sysprompt", "systemprompt", "sysmsg"):
        return "system"
    return "system" if parts in (["system"], ["sys"]) else None


def reads_as_prompt(text: str, *, named: bool) -> bool:
    """Whether the text speaks to a model. Under the name of a prompt a few words do; else it takes many, and orders."""
    head = text[:4000]
    count = count_words(head)
    if named:
        return count >= _FEW
    if count < _MANY or _OTHER_LANGUAGE.match(head):
        return False
    return ORDER.search(head) is not None if count >= 2 * _MANY else STRONG_ORDER.search(head) is not None


def gives_orders(text: str) -> bool:
    """Whether a shorter text plainly speaks to a model."""
    return count_words(text[:4000]) >= 4 and ORDER.search(text[:4000]) is not None


def is_other_language(text: str) -> bool:
    """Whether the text is a query, a page or a program."""
    return _OTHER_LANGUAGE.match(text) is not None


def count_words(text: str) -> int:
    """Words, no more than are asked for; scripts without spaces count every second character as one."""
    wide = 0 if text.isascii() else len(_WIDE_SCRIPT.findall(text)) // 2
    return sum(1 for _ in islice(_WORD.finditer(text), 2 * _MANY)) + wide
