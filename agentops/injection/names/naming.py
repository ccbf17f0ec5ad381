"""What a name, a description or a label tells about where a value comes from."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from agentops.injection.kinds import Kind
from agentops.injection.names import lexicon, lexicon_languages

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SUBSCRIPT = re.compile(r"\[\s{0,4}['\"]?([^\]'\"]{0,80})['\"]?\s{0,4}\]")
_NO_WORD = re.compile(r"[^\w()]+")
_WORD = re.compile(r"[^\W_]+")

_OF = re.compile(r"\b(?:of|for|from|in|about|to|that|which)\b", re.I)
_COMING = re.compile(r"\b(?:following|given|provided|below)\b((?:[ \t]{1,3}[\w'-]{1,30}){1,6})", re.I)
# `get_documents()` hands out documents, `format_history()` a history.
_VERBS = frozenset((
    "get", "load", "fetch", "read", "format", "build", "render", "to", "make", "create", "generate", "extract", "parse",
    "join", "stringify", "dump", "dumps", "convert", "list", "collect", "compute", "retrieve", "escape", "sanitize",
    "truncate", "clean", "trim", "prepare", "serialize", "str", "repr", "wrap", "as", "with", "print",
))  # fmt: skip
# Words of a phrase that say nothing about its noun.
_FILLERS = frozenset((
    "the", "a", "an", "this", "that", "these", "those", "your", "our", "my", "is", "are", "here", "below", "above",
    "following", "given", "provided", "current", "of", "and", "or", "for", "to", "from", "in", "with", "it", "its",
))  # fmt: skip

_TABLE: tuple[tuple[frozenset[str], Kind], ...] = (
    (lexicon.CONSTANT_HEADS, Kind.CONSTANT),
    (lexicon.OPERATOR_HEADS, Kind.OPERATOR),
    (lexicon.USER_HEADS, Kind.USER),
    (lexicon.MODEL_HEADS, Kind.MODEL),
    (lexicon.THIRD_PARTY_HEADS | lexicon.COLLECTIONS, Kind.THIRD_PARTY),
    (lexicon.HISTORY, Kind.USER),
    (lexicon_languages.CONSTANT, Kind.CONSTANT),
    (lexicon_languages.USER | lexicon_languages.HISTORY, Kind.USER),
    (lexicon_languages.THIRD_PARTY, Kind.THIRD_PARTY),
)
_HEADS: dict[str, Kind] = {}
for _names, _kind in reversed(_TABLE):
    _HEADS.update(dict.fromkeys(_names, _kind))
# A call and what it is given; the methods of the value itself (`x.trim()`) are its name's business.
_CALL = re.compile(r"([\w.$]{1,120})\((.+)\)")
_DEEPEST, _MOST_ARGUMENTS = 3, 8
_LEAST_TRUSTED = (Kind.THIRD_PARTY, Kind.USER, Kind.MODEL, Kind.OPERATOR, Kind.CONSTANT, Kind.UNKNOWN)
_ANYWHERE = {"constant": Kind.CONSTANT, "history": Kind.USER, "user": Kind.USER, "third-party": Kind.THIRD_PARTY}


def parts(name: str) -> tuple[str, ...]:
    """The parts of a dotted name in lower case with underscores: `prData['fileName']` is pr_data, file_name."""
    flat = _SUBSCRIPT.sub(lambda m: f".{m[1]}" if m[1] and not m[1].isdigit() else "", name[:400])
    found = (_snake(p) for p in flat.split("."))
    return tuple(p for p in found if p)


def container(path: tuple[str, ...]) -> tuple[Kind, str, str] | None:
    """The kind by the container that the path leads through, the container, and what code writes about an element."""
    for number, part in enumerate(path):
        kind = Kind.USER if part in lexicon.HISTORY else Kind.THIRD_PARTY if part in lexicon.COLLECTIONS else None
        if kind is None:
            continue
        if number + 1 < len(path) and path[-1] in lexicon.BOOKKEEPING:
            return Kind.CONSTANT, part, path[-1]
        return kind, part, ""
    return None


def named(path: tuple[str, ...]) -> tuple[Kind, str] | None:
    """The kind by the last part that says something, and that part."""
    sent = next((p for p in path[:-1] if p in lexicon.OUTSIDE_OBJECTS), None)
    if sent is not None and path[-1] not in lexicon.BOOKKEEPING:
        return Kind.USER, sent
    declared = next((p for p in path[:-1] if p in lexicon.DECLARED_OBJECTS), None)
    if declared is not None and _is_declared(path[-1]):
        return Kind.CONSTANT, declared
    for number in range(len(path) - 1, -1, -1):
        part, owners = path[number], path[:number]
        if part in lexicon.BAGS and number < len(path) - 1:
            continue
        own = any(p in lexicon.OWN_OBJECTS or p.split("_")[0] in lexicon.OWN_OBJECTS for p in owners)
        if part in lexicon.PLAIN and owners:
            if owners[-1] in lexicon.OWN_OBJECTS and not (part in lexicon.CONTENTS and owners[-1] in lexicon.ANYTHING):
                return Kind.CONSTANT, owners[-1]
            if owners[-1] in lexicon.OTHERS_OBJECTS:
                return Kind.THIRD_PARTY, f"{owners[-1]}.{part}"
            continue
        kind = kind_of(part)
        if kind is not None and not (own and kind is Kind.MODEL and part not in lexicon.OUTCOMES):
            return kind, part
    # `item.text` of who knows what: the leaf is all that tells.
    if len(path) > 1 and path[-1] == "description":
        own = path[-2].split("_")[-1] in lexicon.NAMED_BY_PROGRAM
        return (Kind.CONSTANT if own else Kind.THIRD_PARTY), ".".join(path[-2:])
    kind = kind_of(path[-1]) if len(path) > 1 and path[-1] not in lexicon.USER_ALONE else None
    return (kind, path[-1]) if kind is not None else None


def made_from(name: str, *, depth: int = 0) -> tuple[Kind, str] | None:
    """The kind of a call by what it is given, the least trusted argument first, where its own name tells nothing:
    `build_digest(profile, docs)` is made from docs."""
    call = _CALL.fullmatch(name[:400])
    if call is None or depth > _DEEPEST:
        return None
    worst: tuple[Kind, str] | None = None
    for argument in _arguments(call[2])[:_MOST_ARGUMENTS]:
        path = parts(argument)
        held = container(path)
        found = (held[0], held[1]) if held else named(path) or made_from(argument, depth=depth + 1)
        if found is not None and (worst is None or _LEAST_TRUSTED.index(found[0]) < _LEAST_TRUSTED.index(worst[0])):
            worst = found
    return worst


def _arguments(text: str) -> list[str]:
    """What stands between the commas outside brackets."""
    found, depth, begun = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            found.append(text[begun:at].strip())
            begun = at + 1
    return [*found, text[begun:].strip()]


def _is_declared(leaf: str) -> bool:
    """Whether what stands in a declared thing is the program's: all but what comes from outside or out of it."""
    if leaf in lexicon.PLAIN:
        return leaf not in lexicon.CONTENTS
    words = leaf.split("_")
    if leaf in lexicon.DECLARED_FACTS or words[-1] in lexicon.DECLARED_FACTS | lexicon.SCALARS:
        return True
    outcome = any(word in lexicon.OUTCOMES for word in words)
    return not outcome and kind_of(leaf) in (None, Kind.CONSTANT, Kind.OPERATOR)


@lru_cache(maxsize=20_000)
def kind_of(name: str) -> Kind | None:
    """What one name in lower case with underscores tells; None where it tells nothing."""
    call = name.endswith("()")
    words = [w for w in name.removesuffix("()").split("_") if w]
    while call and len(words) > 1 and words[0] in _VERBS:
        words.pop(0)
    # `output_2` is an output, `answer_b` an answer, `schema_json` a schema; `raw_text` stands in the tables itself.
    if "_".join(words) in _HEADS:
        return _HEADS["_".join(words)]
    form = ""
    while len(words) > 1 and (words[-1].isdigit() or len(words[-1]) == 1 or words[-1] in lexicon.FORM_WORDS):
        form = words.pop()
    if not words:
        return None
    words[-1] = words[-1].rstrip("0123456789") or words[-1]
    if len(words) > 1 and (words[0] in lexicon.CONSTANT_FIRST or _is_program_name(words)):
        return Kind.CONSTANT
    if len(words) > 1 and words[0] in lexicon.CONSTANT_FIRST_OF_OWN:
        said = _by_ending(words[1:])
        counts = len(words) == 2 and words[0] in ("total", "no") and words[1].endswith("s")
        return said if said not in (None, Kind.CONSTANT) and not counts else Kind.CONSTANT
    found = _by_ending(words)
    if found in (Kind.CONSTANT, Kind.OPERATOR) and len(words) > 1:
        found = _brought(words) or found
    if found is None and form == "text" and not words[-1].endswith("s"):
        return Kind.THIRD_PARTY  # `sample_text` is a text that somebody wrote, `services_text` a list put in words
    if found is Kind.USER and len(words) > 1 and words[0] in lexicon.OWN_OBJECTS:
        # `bot_display_name` is what the program calls itself, `assistant_message` what the model said.
        return Kind.CONSTANT if words[-1] == "name" else Kind.MODEL
    if found is None and not name.isascii():
        return next((_ANYWHERE[kind] for piece, kind in lexicon_languages.ANYWHERE if piece in name), None)
    return found


def _brought(words: list[str]) -> Kind | None:
    """Whose it is by the first word: `uploaded_schema` is no schema of the program's, `user_rules` no rules of its."""
    if words[-1] in lexicon.SCALARS or words[-1].removesuffix("s") == "name":
        return None
    if words[0] in lexicon.PROVENANCE:
        return Kind.THIRD_PARTY
    return Kind.USER if words[0] == "user" else None


def _is_program_name(words: list[str]) -> bool:
    return words[-1] in ("name", "names", "namespace") and words[-2] in lexicon.NAMED_BY_PROGRAM


def _by_ending(words: list[str]) -> Kind | None:
    whole = "_".join(words)
    if whole in lexicon.USER_ALONE:
        return Kind.USER
    # `retrieved_message` is a stranger's although a message alone is the user's.
    stranger = any(w in lexicon.THIRD_PARTY_WORDS for w in words[:-1])
    for number in range(len(words)):
        ending = "_".join(words[number:])
        kind = _HEADS.get(ending) or _HEADS.get(ending.removesuffix("s"))
        if kind is not None:
            if words[0] in lexicon.USER_WORDS and ending in lexicon.USERS_OWN:
                return Kind.USER
            return Kind.THIRD_PARTY if kind in (Kind.USER, Kind.MODEL) and stranger and ending != whole else kind
    if any(w in lexicon.USER_WORDS for w in words):
        return Kind.USER
    if any(w in lexicon.THIRD_PARTY_WORDS for w in words):
        return Kind.THIRD_PARTY
    return None


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [w.lower() for w in _WORD.findall(text)]


def described(text: str) -> tuple[Kind, str] | None:
    """The kind by the first words of a description that name something ("The document to sum up").

    Within what is described, before an "of" or "for", anybody's text outweighs the program's values: "The number and
    the full text of the mail" is a text.
    """
    first = None
    for part in _OF.split(text[:400], maxsplit=3):
        said = words(part)[:16]
        for number in range(len(said)):
            found = _phrase(said, number)
            if found is not None and found[0] not in (Kind.CONSTANT, Kind.OPERATOR):
                return found
            first = first or found
        if first is not None:
            return first
    return None


def labelled(text: str) -> tuple[Kind, str] | None:
    """The kind by the last words of a label ("Here is the user question", "Retrieved documents")."""
    said = words(_CAMEL.sub(" ", text[-120:]))[-6:]
    while said and said[-1] in _FILLERS:
        said.pop()
    if said and said[-1].isdigit():
        return None
    for number in (3, 2, 1):
        if number <= len(said) and (kind := kind_of("_".join(said[-number:]))) is not None:
            return kind, " ".join(said[-number:])
    return None


def announced(text: str) -> tuple[Kind, str] | None:
    """The kind by what the text says is coming ("Simplify the following error message, delimited by dashes:")."""
    found = None
    for coming in _COMING.finditer(text):
        said = words(coming[1])[:6]
        for end in range(len(said), 0, -1):
            if (kind := kind_of("_".join(said[max(end - 2, 0) : end]))) is not None:
                found = kind, " ".join(said[:end])
                break
    return found


def _phrase(words: list[str], at: int) -> tuple[Kind, str] | None:
    for size in (3, 2, 1):
        if at + size > len(words) or any(w in _FILLERS for w in words[at : at + size]):
            continue
        joined = "_".join(words[at : at + size])
        kind = _HEADS.get(joined) or _HEADS.get(joined.removesuffix("s"))
        if kind is None and size == 1:
            kind = Kind.USER if joined in lexicon.USER_WORDS else None
            kind = kind or (Kind.THIRD_PARTY if joined in lexicon.THIRD_PARTY_WORDS else None)
        if kind is not None:
            return kind, " ".join(words[at : at + size])
    return None


def _snake(name: str) -> str:
    if not name.isascii():
        name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
        name = unicodedata.normalize("NFC", name)
    return _NO_WORD.sub("_", _CAMEL.sub("_", name)).lower().strip("_")
