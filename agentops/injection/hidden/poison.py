"""Signs that a text for a model works against the people who use it.

One sign alone means little: many an honest tool says "do not tell the user". Two of them that do not depend on each
other hardly ever stand in an honest text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from agentops.injection.hidden.phrases import Phrase, clauses, folded, phrase, speaks_about


class Sign(Enum):
    """What the text tries. The value is the word for it in messages."""

    CONCEALMENT = "hides something from people"
    SECRETS = "reaches for keys or secret files"
    PRECEDENCE = "puts itself before or over other tools"
    OVERRIDE = "sets other instructions aside"
    EXFILTRATION = "sends data away"
    PSEUDO_TAG = "poses as the system by a tag"


@dataclass(frozen=True, slots=True)
class Found:
    """A sign and where in the text it stands."""

    sign: Sign
    start: int


_PEOPLE = r"\b(?:users?|customers?|humans?|operators?|owners?|people|anyone|anybody|them|him|her|clients?)\b"
_NEVER = r"\b(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|not to|avoid|and not)\b"
_TELL = (
    r"(?<!without )\b(?:tell|tells|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|"
    r"disclose|disclosing|"
    r"alert|alerting|warn|warning|let)\b"
)
_TOOLS = r"\b(?:tools?|functions?|skills?|servers?|plugins?|commands?)\b"
_RULES = (
    r"\b(?:instructions?|rules|guidelines|polic(?:y|ies)|prompts?|restrictions|constraints|safeguards|guardrails|"
    r"directives|limitations)\b"
)
_ADDRESS = r"(?:https?://|[\w.+-]{1,40}@[\w-]{1,40}\.\w|\bwebhook\b|\bexternal (?:server|endpoint|url|address)\b)"

PHRASES: tuple[tuple[Sign, Phrase], ...] = (
    (
        Sign.CONCEALMENT,
        phrase("tell,mention,inform,notify,reveal,disclose,alert,warn,let", _NEVER, _TELL, _PEOPLE, gaps=(20, 60),
               negated=0),
    ),
    (
        Sign.CONCEALMENT,
        phrase("mention,reveal,disclose", _NEVER, r"\b(?:mention|mentioning|reveal|disclose)\b",
               r"\b(?:this|that (?:you|it|the)|these|it|any of this)\b", gaps=(20, 4), negated=0),
    ),
    (
        Sign.CONCEALMENT,
        phrase("without", r"\bwithout\b", r"\b(?:telling|informing|notifying|alerting|asking or telling|letting)\b|"
               r"\b(?:knowledge|awareness|knowing|noticing|being aware)\b", gaps=(30,), negated=200),
    ),
    (
        Sign.CONCEALMENT,
        phrase("keep,stay", r"\b(?:keep|keeping|stay)\b",
               r"\b(?:hidden|secret from|a secret|quiet|silent about|between us|invisible|concealed)\b", gaps=(45,)),
    ),
    (
        Sign.CONCEALMENT,
        phrase("hidden,hide,conceal", r"\b(?:hidden|hide|hiding|conceal|concealed)\b", r"\bfrom\b", _PEOPLE,
               gaps=(40, 12)),
    ),
    (
        Sign.CONCEALMENT,
        phrase("know,notice,aware,told", _PEOPLE, r"\b(?:must|should|may|shall|can|need|does|do)\b(?: not|n't| never)",
               r"\b(?:know|notice|be aware|be told|be informed|find out)\b", gaps=(6, 12), negated=0),
    ),
    (
        Sign.CONCEALMENT,
        phrase("silently,secretly,covertly,quietly", r"\b(?:silently|secretly|covertly|quietly)\b",
               r"\b(?:send|forward|copy|upload|append|include|add|read|collect|bcc|record|pass|execute|transmit|attach|"
               r"modify|post)\b", gaps=(12,)),
    ),
    (
        Sign.SECRETS,
        phrase("ssh,id_rsa,id_ed25519,.aws,.netrc,.npmrc,.pypirc,.git-credentials,.kube,.gnupg,/etc/,mcp.json,"
               "claude_desktop_config,.cursor,credentials,wallet,keychain,cookies",
               r"\b(?:reads?|opens?|cat|get|access|include|pass|sends?|attach|append|copy|copies|uploads?|extract|"
               r"collects?|fetch|retrieve|"
               r"dump|exfiltrate|provide|paste|put|load|contents?|grab|harvest|steal|find)\b",
               r"\.ssh\b|\bid_(?:rsa|ed25519)\b|\.aws/|\.netrc\b|\.npmrc\b|\.pypirc\b|\.git-credentials\b|"
               r"\.kube/config\b|"
               r"\.gnupg\b|/etc/(?:passwd|shadow)\b|\bmcp\.json\b|\bclaude_desktop_config\b|"
               r"[~/][\w./-]{0,60}credentials\b|"
               r"\.cursor/|\bwallet\.dat\b|\bkeychain\b|\bbrowser cookies\b|\bssh keys?\b|"
               r"\bprivate keys?\b", gaps=(60,)),
    ),
    (
        Sign.SECRETS,
        phrase(".env,key,credentials,environment,token,password,secrets",
               r"\bcontents? of\b|\b(?:exfiltrate|dump|collect|steal|harvest|upload|forward|leak|transmit|send|"
               r"attach)\b",
               r"(?<![\w/])\.env\b|\b(?:all|any|their|the user's|user's|every|stored|saved)\b.{0,24}\b(?:api keys?|"
               r"credentials"
               r"|environment variables|access tokens?|passwords?|secrets)\b", gaps=(40,)),
    ),
    (
        Sign.PRECEDENCE,
        phrase("before,prior to", r"\b(?:before|prior to)\b", r"\b(?:other|any)\b.{0,16}" + _TOOLS, gaps=(24,)),
    ),
    (
        Sign.PRECEDENCE,
        phrase("instead of,rather than,in place of", r"\b(?:instead of|rather than|in place of)\b",
               r"\bother\b.{0,24}" + _TOOLS, gaps=(12,)),
    ),
    (
        Sign.PRECEDENCE,
        phrase("other", r"\bother \w+(?: \w+)? (?:are|is) (?:\w+ )?(?:deprecated|disabled|unsafe|broken|forbidden|"
        r"obsolete)\b"
               r"|\b(?:never|do not|don't|must not) (?:call|use|invoke) (?:any |the )?other\b.{0,24}" + _TOOLS,
               negated=0),
    ),
    (
        Sign.PRECEDENCE,
        phrase("tool", r"\b(?:modify|modifies|change|changes|override|overrides|alter|alters|intercept|replace)\b",
               r"\b(?:behaviou?r|outputs?|results?|calls?|arguments?|descriptions?)\b", r"\b(?:of|from|"
               r"to)\b.{0,25}\btools\b",
               gaps=(24, 6)),
    ),
    (
        Sign.PRECEDENCE,
        phrase("precedence,priority", r"\b(?:precedence|priority)\b", r"\bover\b.{0,25}(?:" + _TOOLS + "|"
        "" + _RULES + ")",
               gaps=(6,)),
    ),
    (
        Sign.PRECEDENCE,
        phrase("first,before", r"\b(?:call|use|invoke) (?:this|me)\b",
               r"\bfirst\b|\bbefore (?:anything|everything|all|any|every)\b", gaps=(30,)),
    ),
    (
        Sign.OVERRIDE,
        phrase("ignore,disregard,forget,bypass,overrule,set aside,discard,override",
               r"\b(?:ignore|disregard|forget|bypass|overrule|set aside|discard|override)\b",
               r"\b(?:all|any|your|previous|prior|earlier|above|existing|safety|original|preceding|content|ethical|"
               r"system)\b",
               _RULES, gaps=(6, 40)),
    ),
    (
        Sign.OVERRIDE,
        phrase("override,mode,no longer,no restrictions", r"\bsystem override\b|"
        r"\byou are now (?:in )?(?:\w+ ){0,2}mode\b"
               r"|\byou are no longer (?:bound|restricted|limited)\b"
               r"|\b(?:enter|activate|enable|now in) (?:unrestricted|god|jailbreak|dan|developer) mode\b"
               r"|\bas if you (?:have|had) no (?:restrictions|limits|rules)\b"),
    ),
    (
        Sign.EXFILTRATION,
        phrase("http,@,webhook,external", r"\b(?:send|post|forward|upload|transmit|exfiltrate|copy|bcc|cc|leak|"
        r"submit|relay)\b",
               r"\b(?:all|every|copy|copies|contents?|conversations?|messages?|history|keys?|credentials?|secrets?|"
               r"tokens?|"
               r"passwords?|prompt|environment|profile|transcript|files?|user data)\b", r"\bto\b.{0,30}?" + _ADDRESS,
               gaps=(40, 40)),
    ),
    (
        Sign.EXFILTRATION,
        phrase("http,@,webhook,external", r"\b(?:all|every|any|each)\b.{0,20}\b(?:(?:e-?)?mails?|messages?|"
        r"requests?|traffic|data|"
               r"files?|outputs?|results?|quer(?:y|ies))\b", r"\b(?:sent|forwarded|routed|copied|posted|uploaded|"
               r"redirected)\b",
               r"\bto\b.{0,30}?" + _ADDRESS, gaps=(24, 12)),
    ),
    (
        Sign.EXFILTRATION,
        phrase("param,argument,field,query,url,note,metadata",
               r"\b(?:pass|put|place|include|embed|append|encode|add|send|provide|paste)\b",
               r"\b(?:its|contents? of|conversation|chat history|full (?:history|prompt)|system prompt|credentials?|"
               r"secrets?)\b",
               r"\b(?:in|as|into|through|via|using)\b.{0,20}\b(?:param\w{0,6}|arguments?|field|query|url|note|metadata|"
               r"sidenote)\b", gaps=(40, 60)),
    ),
)  # fmt: skip
_TAGS = ("<important>", "<system>", "<secret>", "<admin>", "<hidden>", "[system]", "<system-override>")


def signs(text: str) -> Iterator[Found]:
    """The signs of a text, each at its first place. Linear. What is quoted, denied or warned of is no sign."""
    low = folded(text)
    wanted = [(sign, one) for sign, one in PHRASES if any(word in low for word in one.gate)]
    seen: set[Sign] = set()
    if wanted:
        for clause in clauses(low):
            for sign, one in wanted:
                if sign in seen or (at := one.find(clause)) is None:
                    continue
                if not speaks_about(clause):
                    seen.add(sign)
                    yield Found(sign, clause.start + at)
    at = min((low.find(tag) for tag in _TAGS if tag in low), default=-1)
    if at >= 0:
        yield Found(Sign.PSEUDO_TAG, at)
