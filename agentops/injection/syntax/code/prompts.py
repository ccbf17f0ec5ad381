"""Whether a text of source code is a prompt, and for whom: by its name, the call it stands in, and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STRONG = frozenset((
    "prompt", "prompts", "promt", "prompting", "instruction", "instructions", "preamble", "persona", "backstory",
))  # fmt: skip
_WEAK = frozenset((
    "message", "messages", "content", "template", "templates", "text", "description", "query", "system", "user", "goal",
    "task", "msg", "tmpl", "tpl",
))  # fmt: skip
# What these words end is about a prompt and none itself.
_ABOUT = frozenset((
    "id", "ids", "key", "name", "names", "path", "file", "filename", "url", "uri", "version", "token", "tokens",
    "length", "count", "type", "kind", "label", "placeholder", "title", "tooltip", "error", "errors", "hash", "dir",
    "folder", "icon", "button", "class", "style", "schema", "color",
))  # fmt: skip
_SYSTEM = frozenset(("system", "sys", "developer"))
_USER = frozenset(("user", "human"))

_CUE = re.compile(
    r"(?i)(?:^|[.!?:\n#*-]\s{0,12})(?:you (?:are|will|must|should|can|have)|you're|your (?:task|job"
    r"|role|goal|answer|response|output)|act as|please|"
    r"do not|don't|never|always|only|answer|respond|reply|return|summari[sz]e|generate|translate"
    r"|classify|extract|analy[sz]e|given|"
    r"write|create|rewrite|use the|based on|following|provide|explain|describe|identify|list|improve"
    r"|review|evaluate|think|"
    r"decide|rate|score|judge|imagine|consider|ensure|output|make sure|keep|follow|help)\b"
    r"|(?i:i (?:would like|want|need) you to\b|you are an?\b|the (?:user|assistant|model"
    r"|following)\b|step by step|as an ai\b)"
)
_SQL = re.compile(
    r"(?i)\s{0,40}(?:select\s[^.]{1,400}\sfrom|insert into|update \S{1,80} set|delete from"
    r"|create (?:table|index)|alter table|with \w{1,60} as)\b"
)
_MARKUP = re.compile(
    r"(?i)\s{0,40}<(?:!doctype|html|head|body|div|span|p|svg|table|form|button|style|script|a|ul|h[1-6])\b"
)
_CODE = re.compile(
    r"[;{}]\s{0,8}\n|=>|\bfunction\b|^\s{0,40}(?:import|package|#include|#!|diff --git)\b|</\w+>\s{0,9}<", re.M
)
_SIGN = re.compile(r"(?<![\w$\\{])\{\{?\s?[A-Za-z_]\w{0,60}\s?\}\}?|(?<![\w$\\])\$[a-z][a-z_]{2,60}\b")
_NOT_LATIN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0400-\u04ff]")

# What a text says that is written for a model alone, however short it is and whatever it is called.
_TOLD = re.compile(
    r"(?i)\byou are (?:an?|the)\b|\byou (?:rate|help|answer|write|translate|classify|extract|review|respond"
    r"|summari[sz]e|analy[sz]e|generate|grade|judge|evaluate)\b|\byour (?:task|job|role|goal)\b"
    r"|\bact as\b|\b(?:respond|reply|answer|return|output) (?:only|with|in|json)\b"
)
_TASK = re.compile(
    r"(?i)(?:^|[.!?:\n]\s{0,12})(?:please )?(?:summari[sz]e|translate|classify|categori[sz]e|extract|rewrite|rephrase"
    r"|paraphrase|proofread|analy[sz]e|answer|explain|evaluate)\b[^.\n]{0,80}\b(?:following|below|this|these)\b[^.\n]{0,60}:"
)
_TASK_ELSEWHERE = re.compile(
    r"(?:fasse?|übersetze|analysiere|beantworte|extrahiere|klassifiziere|bewerte|prüfe|formuliere)\b[^.\n]{0,80}\b(?:folgend|diese)"
    r"|(?:résume[zr]?|tradui[st]\w{0,2}|analyse[zr]?|répond\w{1,3}|extra\w{1,4}|class\w{1,3}|évalue[zr]?)\b[^.\n]{0,80}\bsuivant"
    r"|(?:resum[ea]|traduce|traduzca|analiza|responde|extrae|clasifica|evalúa)\b[^.\n]{0,80}\bsiguiente"
    r"|(?:resuma|traduza|analise|responda|extraia|classifique|avalie)\b[^.\n]{0,80}\bseguinte"
    r"|(?:riassumi|traduci|analizza|rispondi|estrai|classifica|valuta)\b[^.\n]{0,80}\bseguente"
    r"|(?:翻译|翻譯|总结|總結|概括|分析|回答|提取|判断|改写|改寫)(?:以下|下面|下列|上述)|(?:以下|次)の.{0,40}(?:ください|しなさい|せよ|して)"
    r"|다음.{0,40}(?:하세요|하시오|해\s?줘|해주세요|하십시오)"
    r"|\b(?:du bist|sie sind) eine?\b|\btu es une?\b|\bvous êtes une?\b|\beres una?\b|\bvocê é uma?\b|\bsei un\w?\b"
    r"|你是(?:一[个個位名]|专业)|あなたは.{0,40}(?:です|である)|당신은.{0,40}입니다",
    re.IGNORECASE,
)
# How a task begins under a key that models' options have, and others too.
_BEGINS = re.compile(
    r"(?i)\s{0,12}(?:you (?:are|help|rate|will|must)\b|act as\b"
    r"|(?:summari[sz]e|translate|classify|categori[sz]e|extract|rewrite|rephrase|rate|score|grade|analy[sz]e|answer|explain|describe|write|review|evaluate|judge|identify)"
    r" \S{1,40}\s{1,4}\S)"
)
_OPTIONS = frozenset(("system", "template", "input"))
# What only a model is told at the beginning of a text that is filled.
_ROLE_GIVEN = re.compile(r"(?i)\W{0,12}(?:you are|you're|act as) (?:an?|the) \S")
_FEWEST_OF_ROLE = 5
_LATER = re.compile(r"%(?:\d\$)?[svq]|\$\{[ \t]{0,4}[A-Za-z_]")
# Turn tokens of chat models, and a transcript that ends with the model's turn.
_TURN_TOKEN = re.compile(
    r"<\|(?:im_start|start_header_id|user|system|assistant)\|>|<start_of_turn>|\[INST\]"
    r"|(?:^|\n)[ \t]{0,8}(?:Human|User):[^\0]{0,4000}\n[ \t]{0,8}(?:Assistant|AI):\s{0,20}\Z"
)

_SILENT_CALL = re.compile(
    r"(?i)(?:^|\.)(?:console|log|logger|logging|slog|klog|zap|assert|expect|t|b|chai|sinon|toast"
    r"|vscode|winston|debug|warn|info|error|"
    r"print|println|printf|fatal|fatalf|panic|errorf|wrap|wrapf|logf|infof|warnf|debugf|notify|alert"
    r"|it|describe|test|require|import|"
    r"getelementbyid|queryselector|addeventlistener|regexp|mustcompile|pattern|open|fetch|get|url|join_path)(?:\.|$)"
)
_SILENT_NEW = re.compile(r"(?:Error|Exception|URL|RegExp|Throwable)$")
_SILENT_NAMES = frozenset((
    "error", "err", "errors", "url", "uri", "path", "sql", "html", "css", "regex", "pattern", "usage", "short", "long",
    "help", "license", "copyright", "changelog", "readme", "placeholder", "title", "label", "tooltip", "stylesheet",
    "import", "tests", "test", "expected", "snapshot",
))  # fmt: skip


def words(name: str) -> list[str]:
    """The words of a name in camelCase, snake_case or with dots, in lower case."""
    return [w.lower() for w in _WORD.findall(name[:200])]


def is_strong(name: str) -> bool:
    """Whether a thing of this name is a prompt by its name alone."""
    found = words(name)
    if not found or found[-1] in _ABOUT:
        return False
    return any(w in _STRONG for w in found) or (
        "system" in found and found[-1] in ("message", "msg", "template", "content")
    )


def is_weak(name: str) -> bool:
    """Whether the name fits a prompt but other things too."""
    found = words(name)
    return bool(found) and found[-1] not in _ABOUT and any(w in _WEAK for w in found)


def silent_call(name: str) -> bool:
    """Whether the call takes texts for logs, errors, tests and the like."""
    return _SILENT_CALL.search(name) is not None or _SILENT_NEW.search(name) is not None


def silent_name(name: str) -> bool:
    """Whether a text of this name is none that a model gets."""
    found = words(name)
    return bool(found) and found[-1] in _SILENT_NAMES


def is_no_prose(text: str) -> bool:
    """Whether the text is SQL, markup or code."""
    head = text[:3_000]
    if _SQL.match(head) or _MARKUP.match(head):
        return True
    lines = head.count("\n") + 1
    return len(_CODE.findall(head)) * 3 > lines + 2


def reads_as_prompt(text: str, *, named: bool) -> bool:
    """Whether the text speaks to a model: long prose with orders; less is enough where a weak name says so."""
    head = text[:6_000]
    if is_no_prose(head):
        return False
    count = len(head.split()) + len(_NOT_LATIN.findall(head)) // 2
    cues = sum(1 for _ in _CUE.finditer(head))
    if named:
        return count >= 8 and cues >= 1
    return (count >= 16 and cues >= 2) or (count >= 40 and cues >= 1)


def tells_a_model(text: str) -> bool:
    """Whether the text tells a model what it is or how to answer."""
    head = text[:6_000]
    return not is_no_prose(head) and (_TOLD.search(head) is not None or _TASK_ELSEWHERE.search(head) is not None)


def _asks_plainly(text: str) -> bool:
    """Whether a short text with values in it is a task for a model, whatever its name."""
    head = text[:6_000]
    if _TURN_TOKEN.search(head):
        return True
    return (_TASK.search(head) or _TASK_ELSEWHERE.search(head)) is not None and not is_no_prose(head)


def _gives_a_role(text: str, *, filled: bool) -> bool:
    """Whether the text begins with the role that a model is to play, and is filled here or later."""
    if _ROLE_GIVEN.match(text) is None or len(text[:3_000].split()) < _FEWEST_OF_ROLE:
        return False
    head = text[:6_000]
    return (filled or (_SIGN.search(head) or _LATER.search(head)) is not None) and not is_no_prose(head)


def _is_option(names: Iterable[str]) -> bool:
    """Whether the name is an option of a model's call."""
    return any(name.lower() in _OPTIONS for name in names)


def is_prompt(text: str, names: Iterable[str], *, filled: bool) -> bool:
    """Whether a text under these names (its own first, what is around it after) is a prompt."""
    named = [n for n in names if n]
    if named and silent_name(named[0]) and not is_strong(named[0]):
        return False
    count = len(text.split()) + len(_NOT_LATIN.findall(text[:3_000])) // 2
    if any(is_strong(n) for n in named[:1]):
        return (count >= 3 or (filled and count >= 1)) and not _MARKUP.match(text) and not _SQL.match(text)
    if any(is_strong(n) for n in named):
        return count >= 6 and not is_no_prose(text)
    if _gives_a_role(text, filled=filled):
        return True
    if filled and (_asks_plainly(text) or (_is_option(named[:1]) and _BEGINS.match(text) and not is_no_prose(text))):
        return True
    if count >= 12 and _SIGN.search(text) and _CUE.search(text) and not is_no_prose(text):
        return True
    return reads_as_prompt(text, named=any(is_weak(n) for n in named))


def role_of_name(names: Iterable[str]) -> str | None:
    """The role that the first telling name tells: `systemPrompt`, `USER_MESSAGE`."""
    for name in names:
        found = words(name)
        if not found:
            continue
        if any(w in _SYSTEM for w in found):
            return "system"
        if any(w in _USER for w in found) and found[-1] in ("prompt", "message", "template", "content", "msg", "text"):
            return "user"
        if any(w in _STRONG for w in found):
            return None
    return None


_ROLES = (
    ("system", ("system",)), ("developer", ("developer",)), ("assistant", ("assistant", "ai", "model", "bot")),
    ("tool", ("tool", "function")), ("user", ("user", "human")),
)  # fmt: skip


def role_of(word: str) -> str | None:
    """The role that a role's word or constant means: `system`, `ChatMessageRoleSystem`, `human`."""
    found = words(word.rsplit(".", 1)[-1]) or words(word)
    for role, names in _ROLES:
        if any(w in names for w in found):
            return role
    return None
