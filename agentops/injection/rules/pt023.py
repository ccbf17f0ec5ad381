"""PT023: permission for everything, or no question before things are done."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.hidden.phrases import Phrase, clauses, folded, phrase, speaks_about
from agentops.injection.hidden.places import Sent, sent
from agentops.injection.rules.base import ContentRule, FileText, Hit
from agentops.injection.syntax.detect import detect
from agentops.injection.template import TemplateKind
from agentops.model.finding import Confidence, Severity
from agentops.model.rule import RuleInfo
from agentops.text import said

# Where nothing of the kind can be done, asking nobody does no harm.
_EFFECTS = re.compile(
    r"\b(?:run|execute|delete|remove|modif(?:y|ies)|deploy|commit|push|merge|install|apply|purchase|buy|pay|"
    r"transfer|refund"
    r"|shell|terminal|bash|command|filesystem|database|kubectl|cluster|e-?mails?|book|cancel|write|edit|sql|api calls?"
    r"|side effects?)\b"
)
_ASKING = (
    r"\b(?:confirmation|confirming|permission|approval|consent|(?:user|human)(?:'s|s')? (?:input|intervention|"
    r"interaction|review|"
    r"oversight|approval|confirmation))\b"
)
# These need something that can be done.
_NO_QUESTION: tuple[Phrase, ...] = (
    phrase("without", r"\b(?:proceed|continue|act|execute|run|go ahead|delete|deploy|commit|push|send|apply|make|"
    r"modify|install|"
           r"write|edit|perform|call|use|merge|buy|transfer|complete)\b", r"\bwithout\b", _ASKING, gaps=(60, 30)),
    phrase("confirm,permission,approval,consent",
           r"\b(?:do not|don't|never|no need to|not need to|not have to)\b", r"\b(?:ask|wait|request|require|seek|"
           r"need)\b",
           r"\bfor\b.{0,24}" + _ASKING, gaps=(8, 24), negated=0),
    phrase("without", r"\bwithout\b", r"\b(?:asking|waiting|requesting|requiring|seeking|needing)\b",
           r"\bfor\b.{0,24}" + _ASKING, gaps=(8, 24), negated=200),
    phrase("approv,confirm", r"\b(?:auto-?approve|automatically approve|assume (?:the )?(?:approval|permission|"
    r"consent|user "
           r"(?:has )?(?:approved|confirmed|agreed)))\b"),
)  # fmt: skip
# These speak for themselves.
_BLANKET: tuple[Phrase, ...] = (
    phrase("any,every,arbitrary,whatever,all", r"\byou (?:may|can|could|are (?:allowed|free|permitted|"
    r"authori[sz]ed) to|"
           r"have (?:the )?permission to)\b", r"\b(?:run|execute|access|modify|delete|issue)\b",
           r"\b(?:any|every|arbitrary|whatever|all)\b.{0,12}\b(?:commands?|code|scripts?|files?|actions?|"
           r"operations?|system"
           r"|programs?|sql|statements?)\b", gaps=(12, 16)),
    phrase("full,root,complete,admin", r"\b(?:you have|you are (?:granted|given)|assistant has|agent has)\b",
           r"\b(?:full|root|complete|admin)(?: \w+)? (?:access|control|permissions?|privileges?)\b",
           r"\b(?:to|over|on) (?:the |this |your |a )?(?:\w+ )?(?:file ?system|systems?|machine|computer|shell|"
           r"servers?|"
           r"databases?|network|account|host|cluster|terminal)\b", gaps=(24, 4)),
    phrase("unrestricted,unlimited,elevated", r"\b(?:unrestricted|unlimited|elevated)(?: \w+)? (?:access|control|"
           r"permissions?|privileges?)\b"),
    phrase("unrestricted", r"\bunrestricted (?:operation|mode|execution|tool (?:use|access)|shell)\b"),
    phrase("constraints,restrictions,limit,guidelines,safety",
           r"\b(?:set aside|drop|abandon|suspend|lift|disable|put aside|bypass)\b",
           r"\b(?:your|its|all|any|usual|normal|the)\b.{0,16}\b(?:constraints|restrictions|limits|limitations|"
           r"safety (?:checks?"
           r"|rules|guidelines)|safeguards|guardrails)\b", gaps=(6,)),
)  # fmt: skip
_SWITCH = re.compile(
    r"--dangerously-skip-permissions\b|--yolo\b|\bbypassPermissions\b|\bdanger-full-access\b"
    r"|--dangerously-bypass-approvals-and-sandbox\b|\bapproval[_-]policy[\"']?\s{0,3}[:=]\s{0,3}[\"']?never\b"
    r"|--approval-mode[= ]yolo\b|--ask-for-approval[= ]never\b|--allow-all-tools\b"
    r"|--?allowed-?tools[= ]{1,3}[\"']?(?:[\w*():,. -]{0,200}?,)?\s?Bash(?:\(\*(?::\*)?\))?(?=[,\"'\s]|$)"
    r"|\"(?:autoApprove|alwaysAllow)\"\s{0,3}:\s{0,3}\[\s{0,3}\"\*\"",
    re.I,
)


def _check(file: FileText) -> Iterator[Hit]:
    for part in sent(file.source, file.templates):
        low = folded(part.text)
        wanted = [one for one in _BLANKET if any(word in low for word in one.gate)]
        if any(word in low for one in _NO_QUESTION for word in one.gate) and _EFFECTS.search(low):
            wanted.extend(_NO_QUESTION)
        if wanted:
            yield from _hits(part, low, wanted)
    if _is_workflow(file) or TemplateKind.SKILL in file.kinds:
        yield from _switches(file)


def _hits(part: Sent, low: str, wanted: list[Phrase]) -> Iterator[Hit]:
    for clause in clauses(low):
        at = next((at for one in wanted if (at := one.find(clause)) is not None), None)
        if at is not None and not speaks_about(clause):
            text = part.text[clause.start + at : clause.start + len(clause.text)]
            message = f'nobody is asked before things are done: "{said(text, 100)}"'
            yield Hit(part.location(clause.start + at, 20), message, said(text, 100), Confidence.MEDIUM)


def _switches(file: FileText) -> Iterator[Hit]:
    """Settings of agents that let everything through, in a workflow's step or in the head of an agent's file."""
    text = file.source.text
    if not _is_workflow(file):
        text = text[: max(text.find("\n---", 3), 0)] if text.startswith("---\n") else ""
    for found in _SWITCH.finditer(text):
        message = f"the agent may do everything unasked: {said(found[0], 80)}"
        yield Hit(file.location(found.start()), message, said(found[0], 80), Confidence.HIGH)


def _is_workflow(file: FileText) -> bool:
    """Whether it is a workflow, also one that shows no prompt."""
    return TemplateKind.WORKFLOW in file.kinds or detect(file.source).name == "workflow"


RULE = ContentRule(
    RuleInfo(
        id="PT023",
        title="Permission for everything",
        severity=Severity.HIGH,
        what="The model may run anything, or is told not to ask before it does something that cannot be undone.",
        why="One injected order is then enough: nobody stands between it and the deed. Least privilege cut the success"
        " of attacks from 25.8 to 4.2 % (Progent).",
        example="You can run any command. Deploy without asking for confirmation.",
        remedy="List what the agent may do, and let code ask a person before everything else.",
        owasp=("LLM06",),
        owasp_2026=("LLM03",),
        asi=("ASI02", "ASI03"),
        atlas=("T0053",),
        cwe=(1427,),
    ),
    _check,
)
