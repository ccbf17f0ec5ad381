"""Phrases by which answers decline, in the languages that agents mostly speak. They may stand anywhere, since agents
often apologise first. Not finding something is no refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NOT = r"(?: not|n['’]t)"
_EN_SOFT = r"(?:(?:really|simply|unfortunately|sadly|just|also|therefore|still|honestly|regrettably|currently) )?"
_EN_CANNOT = (
    r"(?:can(?:no|['’])t|can not|could(?: no|n['’])t|won['’]t|will not|must not|"
    r"(?:am|are|['’]m|['’]re) (?:not able|unable|not allowed|not permitted|not authori[sz]ed|not going|not willing"
    r"|not prepared|not supposed|not at liberty|not in a position|forbidden) to)"
)
# Not finding, and the turns of phrase by which people are glad, sorry or reassuring with the same words.
_EN_IDIOM = (
    r"(?! (?:even |really |possibly |quite |fully |ever )?(?:find|see|locate|tell(?! you(?! how))|quite|seem|recall"
    r"|remember|wait|believe|agree more|thank|stress|emphasi[sz]e|overstate|express|imagine|forget|help but|resist"
    r"|apologi[sz]e enough|praise|recommend (?:\w+ ){1,4}?enough|say enough|fault|blame you|complain"
    r"|be (?:happier|prouder|better|sorrier|clearer|more|any|charg|bill|contacting you|bothering|keeping you|late|long)"
    r"|charg|bill|contact you|bother|keep you|let you down|disappoint|hesitate|regret|rest|stop|miss|need|lie|lose"
    r"|take (?:long|much)|waste)\w*)"
)
_EN_DO = (
    r"(?:help|assist|do|share|disclose|reveal|process|issue|provide|comply|discuss|give|grant|perform|fulfil|fulfill)"
)
_EN_TELL = r"(?:share|disclose|reveal|discuss|provide|give|hand out|answer|assist with|help with|talk about|comply)"
_EN_OWN = r"(?:scope|remit|role|purview|capabilit|abilit|authority|expertise|competence|area of)"
# Who only did not find something says so with the same words.
_FR_SEEK = r"(?!trouv|vu|voir|sûr|certain|retrouv|localis|attendre|imagin|être plus|assez|(?:vous|te) remercier assez)"
_ES_SEEK = r"(?! (?:encontrar|ver|localizar|hallar|estar más|esperar|imaginar|creer|agradecer))"
_IT_SEEK = r"(?! (?:trovare|vedere|individuare|trovarl|essere più|aspettare|immaginare|credere|ringraziar|che ))"
_PT_SEEK = r"(?! (?:encontrar|ver|localizar|achar|estar mais|esperar|imaginar|acreditar|agradecer))"
_PL_SEEK = r"(?! (?:znaleźć|odnaleźć|zobaczyć))"
_RU_SEEK = r"(?! (?:найти|видеть|увидеть|обнаружить))"
_AR_SEEK = r"(?! (?:العثور|إيجاد|رؤية))"

# Every pattern is bounded and begins with a literal word, so that a search is linear.
_PHRASES = {
    "en": (
        rf"\b(?:i|we)\s?{_EN_SOFT}{_EN_CANNOT}{_EN_IDIOM}\b"
        rf"|\b(?:not able|unable|not allowed|not permitted) to {_EN_DO}\b"
        r"|(?<!you )(?<!they )\b(?:cannot|can['’]t|can not) (?:help(?! but)|assist|share|disclose|reveal|comply)\b"
        r"|\b(?:cannot|can['’]t|can not) be (?:shared|disclosed|revealed)\b"
        r"|\b(?:not|isn['’]t) (?:something|anything) (?:that )?(?:i|we)(?: can| could| am| are|['’]m|['’]re)\b"
        r"|\b(?:i|we)(?:['’]ll| will| would|['’]m| am)? (?:\w+ )?(?:must|have to|need to) (?:\w+ )?(?:decline|refuse)\b"
        r"|\b(?:i|we) (?:\w+ )?(?:decline|refuse) to\b|\bi (?:\w+ly )?decline\b"
        r"|\b(?:i|we)(?:['’]d| would) (?:rather|prefer) not\b"
        r"|\bnot comfortable (?:with |sharing|discussing|doing|giving)"
        rf"|\b(?:i|we) (?:do{_NOT}|never) {_EN_TELL}(?! up\b| your\b)\b"
        rf"|\b(?:i|we) should{_NOT} (?:{_EN_TELL}|{_EN_DO})\b"
        rf"|\b(?:i|we) (?:do{_NOT} have|have no|lack)(?: the| any)?"
        rf" (?:permission|authori[sz]ation|authority|clearance)\b"
        rf"|\b(?:i|we) (?:do{_NOT} have|have no)(?: any)?"
        rf" access to (?:other|another|any|someone|that|those|such|internal)"
        rf"|\b(?:outside|beyond|out)(?: of)? (?:the scope of )?(?:(?:my|our) (?:\w+ )?{_EN_OWN}"
        r"|what (?:i|we)(?:['’]m| am|['’]re| are)? (?:can|could|able|allowed|permitted|authori[sz]ed|here)\b)"
        rf"|\b(?:that|this|it)(?: is|['’]s)?{_NOT} (?:possible|allowed|permitted)(?= for (?:me|us)\b|[.,;!]|$)"
        rf"|\b(?:is|are){_NOT} possible for (?:me|us)\b|\bnot possible for (?:me|us)\b"
        rf"|\b(?:refunds?|requests?|exceptions?|sharing)(?: \w+){{0,5}}?"
        rf" (?:is|are){_NOT} (?:allowed|permitted|possible)\b"
        r"|\b(?:i|we)(?: am| are|['’]m|['’]re|['’]ve been| have been) (?:prevented|prohibited|barred|restricted) from\b"
        r"|\b(?:i|we)(?: was| were|['’]ve been| have been) (?:instructed|told|asked) not to\b"
        r"|\b(?:my|the|these|those|internal) (?:\w+ )?(?:instructions?|prompts?|guidelines?|details|information|rules)"
        r" (?:is|are) (?:\w+ )?(?:confidential|private|secret|off[ -]limits)\b"
        r"|\b(?:that|this|it)(?:['’]s| is| goes| would be| would go) against (?:our|my|the|company) "
        r"(?:\w+ )?(?:polic|rules|guidelines|terms)"
        r"|\b(?:i|we)(?: can only| am only able to|['’]m only able to)"
        r" (?:help|assist|answer|support|discuss|talk|respond)\b"
        r"|\bsorry,? (?:but )?no(?=[.!]|$)"
    ),
    "de": (
        r"\b(?:kann|können|darf|dürfen|werde|werden|möchte) (?:\w+ ){0,6}?(?:nicht|keine?[nrs]?)"
        r"(?! (?:genau|sicher|genug))(?: \w+){0,5}?"
        r" (?:helfen|weiterhelfen|behilflich|unterstützen|tun|machen|teilen|mitteilen|herausgeben|weitergeben|nennen"
        r"|preisgeben|offenlegen|bereitstellen|beantworten|erstatten|ausführen|erlauben|verraten|durchführen|sagen"
        r"|aushändigen|besprechen|herausrücken)\b"
        r"|\b(?:bin|sind) (?:\w+ ){0,3}?nicht (?:in der lage|befugt|berechtigt|autorisiert)\b"
        r"|\b(?:muss|müssen) (?:\w+ ){0,4}?(?:ablehnen|verweigern)\b"
        r"|\bist (?:mir|uns) (?:leider )?nicht (?:möglich|erlaubt|gestattet)\b"
        r"|\b(?:das|dies) ist (?:leider )?nicht (?:möglich|erlaubt|gestattet)(?=[.,;!]|$)"
        r"|\b(?:habe|haben) (?:\w+ ){0,4}?keine (?:berechtigung|befugnis|erlaubnis)\b"
        r"|\baußerhalb (?:meine|unsere)[rs] (?:möglichkeit|befugnis|zuständigkeit|aufgabe|kompetenz)"
        r"|\b(?:kann|können) (?:\w+ ){0,3}?nur (?:bei|mit|zu) (?:\w+ ){1,6}?(?:helfen|weiterhelfen|behilflich)\b"
    ),
    "fr": (
        rf"\bje ne (?:peux|puis|suis|pourrai)(?: malheureusement| donc)? pas {_FR_SEEK}\w+"
        rf"|\bnous ne (?:pouvons|sommes)(?: malheureusement)? pas {_FR_SEEK}\w+"
        r"|\bje (?:dois|suis obligée?|suis contrainte?)(?: de)? (?:décliner|refuser)\b|\bje refuse\b"
        r"|\b(?:il m['’]est|c['’]est) impossible de\b"
    ),
    "es": (
        r"\bno (?:puedo|podemos|podría|me es posible|me está permitido|estoy autorizad[oa] a|estoy en condiciones de)"
        rf"{_ES_SEEK}\b|\b(?:debo|tengo que|debemos) (?:rechazar|negarme|declinar)\b|\bme niego a\b"
    ),
    "it": (
        r"\bnon (?:posso|possiamo|potrei|mi è possibile|sono autorizzat[oa] a|sono in grado di)"
        rf"{_IT_SEEK}\b|\b(?:devo|dobbiamo) (?:rifiutare|declinare)\b|\bmi rifiuto di\b"
    ),
    "pt": (
        rf"\bnão (?:posso|podemos|poderia|me é possível|estou autorizad[oa] a|consigo){_PT_SEEK}\b"
        r"|\b(?:devo|tenho de|tenho que|preciso) (?:recusar|declinar)\b|\brecuso-me a\b"
    ),
    "nl": (
        r"\b(?:kan|mag|kunnen|mogen|zal) (?:\w+ ){0,5}?(?:niet|geen)(?: \w+){0,4}?"
        r" (?:helpen|doen|delen|geven|verstrekken|bekendmaken|onthullen|uitvoeren|beantwoorden|toestaan)\b"
        r"|\bniet in staat om\b|\b(?:moet|moeten) (?:\w+ ){0,4}?(?:weigeren|afwijzen)\b"
    ),
    "pl": (rf"\bnie (?:mogę|możemy|wolno mi|jestem w stanie|jestem upoważnion[ya]){_PL_SEEK}\b|\bmuszę odmówić\b"),
    "sv": (
        r"\b(?:kan|får|kommer) (?:\w+ ){0,5}?(?:inte|inga|ingen)(?: \w+){0,4}?"
        r" (?:hjälpa|göra|dela|lämna|ge|avslöja|besvara)\b|\bmåste (?:\w+ ){0,3}?(?:neka|avböja|vägra)\b"
    ),
    "tr": (r"\byardımcı olam(?:am|ıyor\w{0,4}|ayız)\b|\b(?:paylaşamam|veremem|yapamam|sağlayamam|açıklayamam)\b"),
    "ru": (
        rf"\bне (?:могу|можем|имею права|вправе){_RU_SEEK}\b"
        r"|\b(?:вынужден\w?|должен|должна) отказать\w{0,3}\b"
    ),
    "zh": (
        r"(?:无法|不能|不可以|不便|無法)"
        r"(?:为您|为你|給您|给您|向您|协助|帮助|帮|提供|透露|分享|处理|完成|执行|回答|满足|協助|幫助|透漏)|拒绝"
    ),
    "ja": (
        r"(?:お手伝い|お答え|対応|提供|共有|開示|お教え|お伝え|ご案内|お受け|ご協力|実行|回答)(?:は|することは|することが|が)?"
        r"(?:でき(?:ません|かねます|ない)|いたしかねます|しかねます)|お断り"
    ),
    "ko": r"(?:도와|도움을|알려|제공|공유|공개|처리|답변|드릴)[^.!?\n]{0,12}(?:수 없|수가 없|어렵습니다)|거절",
    "ar": rf"لا (?:أستطيع|يمكنني|نستطيع|يمكننا|يُسمح لي){_AR_SEEK}|(?:لست|غير) (?:قادرًا|قادر|مخول)",
    "hi": r"(?:मदद|सहायता|साझा|बता|प्रदान)[^।!?\n]{0,24}(?:नहीं कर सक|नहीं दे सक|नहीं सक|असमर्थ)",
}

# One of these stands in every refusal of its language; looking for them is cheap.
_SIGNS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "can",
        "could",
        "won",
        "must",
        "not",
        "n't",
        "n’t",
        "unable",
        "decline",
        "refuse",
        "never",
        "have no",
        "lack",
        "outside",
        "beyond",
        "out of",
        " from",
        "confidential",
        "private",
        "secret",
        "limits",
        "against",
        "only",
        "no",
    ),
    "de": ("nicht", "kein", "ablehnen", "verweigern", "ausserhalb", "nur "),
    "fr": ("pas ", "refuse", "décliner", "impossible"),
    "es": ("no ", "rechazar", "negarme", "declinar", "niego"),
    "it": ("non ", "rifiut", "declinare"),
    "pt": ("não ", "recus", "declinar"),
    "nl": ("niet", "geen", "weigeren", "afwijzen"),
    "pl": ("nie ", "odmówić"),
    "sv": ("inte", "inga", "ingen", "neka", "avböja", "vägra"),
    "tr": ("olam", "amam", "emem", "yamam"),
    "ru": ("не ", "отказать"),
    "zh": ("无法", "不能", "不可以", "不便", "無法", "拒绝"),
    "ja": ("でき", "かねます", "お断り"),
    "ko": ("없", "어렵", "거절"),
    "ar": ("لا ", "لست", "غير"),
    "hi": ("नहीं", "असमर्थ"),
}

LANGUAGES = tuple(_PHRASES)

_BY_LANGUAGE = tuple((_SIGNS[code], re.compile(pattern, re.IGNORECASE)) for code, pattern in _PHRASES.items())


def find(said: str) -> str | None:
    """The first phrase of the text that declines, in any of LANGUAGES; None where there is none."""
    low = said.casefold()
    hits = [
        found
        for signs, pattern in _BY_LANGUAGE
        if any(sign in low for sign in signs) and (found := pattern.search(said))
    ]
    return min(hits, key=lambda found: found.start())[0] if hits else None
