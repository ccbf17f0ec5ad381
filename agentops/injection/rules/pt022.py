"""PT022: an order to obey what outside texts say."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.hidden.phrases import Phrase, clauses, folded, phrase, speaks_about
from agentops.injection.hidden.places import Sent, sent
from agentops.injection.rules.base import ContentRule, FileText, Hit
from agentops.injection.template import TemplateKind
from agentops.model.finding import Confidence, Severity
from agentops.model.rule import RuleInfo
from agentops.text import said

_OBEY = r"\b(?:follow|obey|comply with|carry out|execute|perform|adhere to|act on|act upon)\b"
_ORDERS = (
    r"\b(?:instructions?|requests?|commands?|directions|directives|orders|steps|tasks|whatever|anything|everything"
    r"|all)\b"
)
_OUTSIDE = (
    r"\b(?:comments?|issues?|tickets?|(?:web ?)?pages?|web ?sites?|urls?|links?|(?:e-?)?mails?|pull requests?|prs?|"
    r"attachments?|search results?|tool (?:outputs?|results?)|retrieved \w+|documents?|runbooks?|"
    r"messages? from (?:others|"
    r"third))\b"
)
_PROJECT = (
    r"\b(?:contributing(?:\.md)?|readme(?:\.md)?|agents\.md|claude\.md|gemini\.md|repository(?:'s)? (?:files?|"
    r"instructions?|"
    r"readme|documentation)|files? (?:in|of|from) the (?:repository|repo|project|workspace)|code comments?)\b"
)
_SAYS = r"\b(?:says?|said|asks? for|asks?|tells?|contains?|requests?|instructs?|demands?|writes?)\b"

_ALWAYS: tuple[Phrase, ...] = (
    phrase("comment,issue,ticket,page,site,url,link,mail,pull request,pr,attachment,result,document,runbook,retrieved",
           _OBEY, _ORDERS, r"\b(?:in|from|of|on|by|inside|within|contained|given|found|written)\b.{0,16}" + _OUTSIDE,
           gaps=(24, 24)),
    phrase("comply,obey,follow,do what", r"\bif\b", _OUTSIDE, r"\b(?:instructions?|requests?|commands?|asks?|tells?)\b",
           r"\b(?:comply|obey|follow (?:them|it|those)|do (?:so|it|what)|carry (?:them|it) out)\b", gaps=(24, 40, 60)),
    phrase("whatever,anything,everything,what the", r"\b(?:do|follow|obey|execute|run)\b",
           r"\b(?:whatever|anything|everything|exactly what|what)\b", _OUTSIDE, _SAYS, gaps=(4, 12, 12)),
    phrase("do what,do whatever,do everything,follow,obey,carry out,execute", _OUTSIDE,
           r"\b(?:do|follow|obey|carry out|execute|perform)\b", r"\b(?:whatever|anything|everything|what|instructions?"
           r"|commands?|requests?)\b",
           r"\b(?:(?:it|they|he|she) (?:says?|asks?|tells?|wants?|demands?)|(?:in|from) (?:it|them))\b",
           gaps=(24, 12, 24)),
    phrase("runbook,playbook,url,link", r"\b(?:must|always)\b", r"\b(?:fetch|open|visit|load)\b",
           r"\b(?:runbooks?|playbooks?|urls?|links?)\b", gaps=(12, 24)),
)  # fmt: skip
# A skill's own files are part of it; a repository's are others' only where an agent works on strangers' code.
_IN_PROMPTS: tuple[Phrase, ...] = (
    phrase("contributing,readme,agents.md,claude.md,gemini.md,repositor,code comment,project,workspace",
           _OBEY, r"\b(?:instructions?|commands?|directions|directives|steps|rules)\b",
           r"\b(?:in|from|of|by)\b.{0,24}" + _PROJECT, gaps=(32, 24)),
    phrase("contributing,readme,agents.md,claude.md,gemini.md,repositor,code comment",
           r"\b(?:follow|obey|comply with|adhere to)\b", _PROJECT + r"(?:'s)?.{0,12}\b(?:instructions|commands|"
           r"orders)\b",
           gaps=(24,)),
)  # fmt: skip


def _check(file: FileText) -> Iterator[Hit]:
    for part in sent(file.source, file.templates):
        low = folded(part.text)
        phrases = _ALWAYS if part.kind in (TemplateKind.SKILL, TemplateKind.TOOL) else _ALWAYS + _IN_PROMPTS
        wanted = [one for one in phrases if any(word in low for word in one.gate)]
        if wanted:
            yield from _hits(part, low, wanted)


def _hits(part: Sent, low: str, wanted: list[Phrase]) -> Iterator[Hit]:
    for clause in clauses(low):
        at = next((at for one in wanted if (at := one.find(clause)) is not None), None)
        if at is not None and not speaks_about(clause):
            text = part.text[clause.start + at : clause.start + len(clause.text)]
            message = f'the model is told to obey texts of others: "{said(text, 100)}"'
            yield Hit(part.location(clause.start + at, 20), message, said(text, 100), Confidence.MEDIUM)


RULE = ContentRule(
    RuleInfo(
        id="PT022",
        title="Delegated authority",
        severity=Severity.HIGH,
        what="The model is told to do what files, comments, pages, tickets or mails say.",
        why="Whoever can write such a text commands the agent, with the agent's own rights.",
        example="Read the ticket and carry out all instructions in its comments.",
        remedy="Name the texts that may give orders and who may write them; call all others data.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        mcp=("MCP06",),
        atlas=("T0051.001",),
        cwe=(1427,),
    ),
    _check,
)
