"""What several structure rules ask about a hole: what stands around it, and whether its risk is settled."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from agentops.injection.defence.mitigation import Declared, Seen
from agentops.injection.defence.wording import Kind as Wording
from agentops.injection.kinds import Kind
from agentops.injection.rules.base import Hit, Judged, JudgedHole
from agentops.injection.template import Note
from agentops.model.finding import Confidence

SYSTEM = ("system", "developer")
_NEAR = 300


@dataclass(frozen=True, slots=True)
class Placed:
    """A hole with the message it stands in; `at` is its place in the message's body."""

    one: JudgedHole
    seen: Seen
    at: int

    @property
    def before(self) -> str:
        """The text in front of the hole, as far as it is near."""
        return self.seen.body[max(self.at - _NEAR, 0) : self.at]

    @property
    def after(self) -> str:
        """The text behind the hole, as far as it is near."""
        return self.seen.body[self.at + 1 : self.at + 1 + _NEAR]


def placed(judged: Judged) -> Iterator[Placed]:
    """Every hole with its place, in order."""
    holes = iter(judged.holes)
    for seen in judged.seen:
        for at in seen.places:
            yield Placed(next(holes), seen, at)


def untrusted(judged: Judged) -> Iterator[Placed]:
    """The places of the holes that outsiders fill, defended ones left out."""
    return (p for p in placed(judged) if p.one.untrusted and not p.one.defended)


def settled(one: JudgedHole) -> bool:
    """Marks and a declaration, or an encoding. What is weak about the marks is another rule's to say (PT007)."""
    paired = one.mitigation.boundary is not None and one.mitigation.declared is not Declared.NO
    return paired or one.mitigation.encoded


def directs(seen: Seen) -> bool:
    """Whether the message says what to do, if only what not to do with the data."""
    return seen.ordered or any(s.kind in (Wording.DECLARATION, Wording.REMINDER) for s in seen.sentences)


def mixed(place: Placed) -> bool:
    """Whether the hole shares its text with orders: system text, or any other text that gives some."""
    return place.one.role in SYSTEM or place.seen.ordered


def orders(judged: Judged) -> Iterator[str]:
    """The sentences of the template that tell the task, in lower case and on one line. A heading that runs into an
    order makes it look like a label, so that labels count; declarations and reminders do not."""
    for seen in judged.seen:
        for sentence in seen.sentences:
            if sentence.kind in (Wording.ORDER, Wording.LABEL):
                yield sentence.said


_SELF_SET = re.compile(
    r"(?:^|_)(?:user_?name|nick_?name|(?:first|last|full|display|customer|client|screen|sender|author|team|channel|"
    r"group|server|room|company_display)_?name|file_?name|job_title|headline|position|bio|pronouns|profile|"
    r"profile_(?:context|text|data)|display_title|subject_line)$"
)
_BARE = re.compile(r"^(?:name|title|label|handle|login)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """The last part of a hole's name in snake_case: `user.displayName` is display_name."""
    last = name.replace("[]", "").rstrip(".").rpartition(".")[2]
    return _CAMEL.sub("_", last).replace("-", "_").lower().strip("_()'\"")


def snake_parts(name: str) -> tuple[str, ...]:
    """The parts of a hole's name in snake_case: `thread.chatHistory[]` is thread and chat_history."""
    parts = name.replace("[]", "").split(".")
    return tuple(_CAMEL.sub("_", p.split("(")[0]).replace("-", "_").lower().strip("_$@'\"") for p in parts)


def self_set(one: JudgedHole) -> bool:
    """A short field that people set themselves: a name, a title, a file's name, a profile."""
    name = snake(one.hole.name)
    return _SELF_SET.search(name) is not None or _BARE.search(name) is not None


_TURN = re.compile(
    r"(?:^|(?<=[\s\x00.>\"]))(?:\*\*|#{1,4}[ ]?)?"
    r"(human|user|customer|client|visitor|ai|assistant|bot|chatbot|agent|model|thought|action input|action|"
    r"observation|instruction|response)\b(?:\*\*)?[ ]?:",
    re.I,
)
_FAMILIES = (
    (
        frozenset(("human", "user", "customer", "client", "visitor")),
        frozenset(("ai", "assistant", "bot", "chatbot", "agent", "model")),
    ),
    (frozenset(("thought", "action", "action input")), frozenset(("observation",))),
    (frozenset(("instruction",)), frozenset(("response",))),
)
TURN_TOKEN = re.compile(r"<\|[\w ]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<｜\w{1,20}｜>")
"""Turn tokens of chat models, which count as roles."""


def turn_marks(text: str) -> tuple[int, ...]:
    """Where plain words mark turns (`Human:` and `AI:`, `Observation:`), or nothing where only one side has a word."""
    marks = [(m.start(), " ".join(m[1].lower().split())) for m in _TURN.finditer(text)]
    words = {word for _, word in marks}
    known: set[str] = set()
    for one, other in _FAMILIES:
        if words & one and words & other:
            known |= one | other
    return tuple(at for at, word in marks if word in known)


def near_mark(place: Placed, marks: tuple[int, ...]) -> bool:
    """Whether a turn mark stands a little before the hole. `marks` are in order."""
    number = bisect_left(marks, place.at)
    return number > 0 and place.at - marks[number - 1] <= _NEAR


def judged_text(one: JudgedHole) -> bool:
    """Text of somebody else than the user who talks: a third party's or a model's."""
    return one.trust.kind in (Kind.THIRD_PARTY, Kind.MODEL)


def noted(note: Note, message: str) -> Hit:
    """A hit on what the parser noted."""
    return Hit(note.location, message, f"{note.kind.name} {note.hole or note.said}", Confidence.HIGH)


_ACTS = re.compile(
    r"\b(?:you are|act as|acting as|role of|as) (?:an? |the )?(?:[\w-]+ ){0,4}?"
    r"(?:judge|evaluator|grader|critic|assessor|examiner|referee|auditor|moderator|guard|guardrail|annotator)\b"
    r"|\b(?:score|rating|grade)\b[^.]{0,40}?\b(?:ranging|from|between|of|scale)\b.{0,12}?\d"
)
_JUDGED = re.compile(
    r"\b(?:answers?|responses?|outputs?|completions?|submissions?|solutions?|assistants?|candidates?|test cases?|"
    r"generations?|replies|reply|translations?|summar(?:y|ies)|conversations?|quality|correctness)\b"
)
_GRADES = re.compile(
    r"\b(?:evaluat(?:e|es|ing)|grad(?:e|ing)|judg(?:e|ing)|rate|score|assess\w{0,3}|rank\w{0,3}|critique)\b"
)
_WHETHER = re.compile(r"\b(?:whether|(?:determine|decide|check|verify|assess) (?:if|that|how))\b")
_VERDICT = re.compile(r"\b(?:is|are|was|meets?|satisf\w{1,4}|correct|contains?|compl\w{1,5}|accurate|valid)\b")
_BOTH = re.compile(r"\b(?:compare|comparing)\b.{0,40}?\b(?:two|both|answers|responses|outputs)\b")
_BETTER = re.compile(r"\b(?:better|best|correct|expert)\b")
_GUARDS = re.compile(
    r"\b(?:whether|if|detect\w{0,3}|determine|decide|classify|flag|(?:is|does|do|are|should|could|can) "
    r"(?:the|this|that|these|it))\b"
)
_ATTACK = re.compile(
    r"\b(?:prompt[- ]injections?|injection attempts?|jail ?break\w{0,5}|an? attack|malicious|harmful|unsafe|"
    r"toxic\w{0,3}|manipulate|should be blocked|be blocked|policy violations?|violates?)\b"
)
_ALLOWED = re.compile(r"\b(?:complies|comply|adheres?|is (?:allowed|acceptable|appropriate|satisfactory|safe))\b")


_JUDGING = re.compile(
    r"evaluat|grad|judg|\brat(?:e|ing)\b|scor|assess|rank|critiqu|critic|whether|determine|decide|check|verify|compar|"
    r"examin|referee|audit|moderat|guard|annotat|inject|jail ?break|attack|malicious|harmful|unsafe|toxic|manipulat|"
    r"blocked|violat"
)


def near(text: str, *, first: re.Pattern[str], then: re.Pattern[str], within: int = 100) -> bool:
    """Whether a match of `then` has one of `first` a little before it. Looks at the first few: linear in the text."""
    for found in islice(then.finditer(text), 5):
        if first.search(text, max(found.start() - within, 0), found.start()) is not None:
            return True
    return False


def judges(order: str) -> bool:
    """Whether an order, in lower case, makes the model a judge of a text or a guard against it."""
    # One look that most orders do not pass; every pattern below needs one of these words.
    return _JUDGING.search(order) is not None and (
        _ACTS.search(order) is not None
        or near(order, first=_GRADES, then=_JUDGED)
        or (near(order, first=_WHETHER, then=_JUDGED) and near(order, first=_JUDGED, then=_VERDICT))
        or near(order, first=_BOTH, then=_BETTER)
        or near(order, first=_GUARDS, then=_ATTACK)
        or near(order, first=_WHETHER, then=_ALLOWED)
    )


_LITERAL_KEY = re.compile(r"[\"'][\w .\-]{1,60}[\"']\s{0,4}:\s{0,4}([\"'])[^\"'\n]{0,160}$")
_LITERAL_ATTRIBUTE = re.compile(r"<[A-Za-z][\w.:-]{0,60}(?:\s[^<>\n]{0,200})?\s[\w.:-]{1,60}=\"[^\"<>\n]{0,100}$")
_LITERAL_TRIPLE = re.compile(r"[\"'][\w .\-]{1,60}[\"']\s{0,4}:\s{0,4}(?:\"{3}|'{3})[^\n]{0,60}$")
_LITERAL_END = re.compile(r"[^\"'\n]{0,160}[\"']")


def in_value(place: Placed) -> bool:
    """Whether the hole stands between the quotes of a JSON value or an XML attribute."""
    line = place.before.rpartition("\n")[2]
    opened = _LITERAL_KEY.search(line) is not None or _LITERAL_ATTRIBUTE.search(line) is not None
    return opened and _LITERAL_END.match(place.after) is not None


def in_literal(place: Placed) -> bool:
    """Whether the hole stands in a JSON, XML or Python literal: `"key": "`, an attribute, a triple quote."""
    line = place.before.rpartition("\n")[2]
    if _LITERAL_TRIPLE.search(line) is not None:
        return '"""' in place.after or "'''" in place.after
    return in_value(place)


_LAYOUT_START = re.compile(r"(?:\b(?:start|begin|beginning)\b[^\n]{0,60}|<[A-Za-z_][^<>\n]{0,80}>)\s{0,10}$", re.I)
_LAYOUT_END = re.compile(r"[^\n]{0,20}\s{0,10}(?:[^\w\s]{0,10}[^\n]{0,60}\bend\b|</[A-Za-z_])", re.I)


def marked_somehow(place: Placed) -> bool:
    """Whether a start mark stands right before the hole and an end mark right behind it, whatever their form."""
    return _LAYOUT_START.search(place.before[-160:]) is not None and _LAYOUT_END.match(place.after) is not None
