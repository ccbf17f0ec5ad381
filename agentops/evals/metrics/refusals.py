"""Phrases by which answers decline, in the languages that agents mostly speak. They may stand anywhere, since agents
often apologise first. Not finding something is no refusal."""

from __future__ import annotations

import re

_EN_CANNOT = (
    r"(?:can(?:no|['’])t|can not|could(?: no|n['’])t|won['’]t|will not|must not|"
    r"(?:am|are|['’]m|['’]re) (?:not able|unable|not allowed|not permitted|not authori[sz]ed) to)"
)
_EN_SEEK = r"(?:find|see|locate|tell|quite|seem|recall|remember|wait|believe)"
_EN_DO = (
    r"(?:help|assist|do|share|disclose|reveal|process|issue|provide|comply|discuss|give|grant|perform|fulfil|fulfill)"
)
# Who only did not find something says so with the same words.
_FR_SEEK = r"(?!trouv|vu|voir|sûr|certain|retrouv|localis)"
_ES_SEEK = r"(?! (?:encontrar|ver|localizar|hallar))"
_IT_SEEK = r"(?! (?:trovare|vedere|individuare|trovarl))"
_PT_SEEK = r"(?! (?:encontrar|ver|localizar|achar))"
_PL_SEEK = r"(?! (?:znaleźć|odnaleźć|zobaczyć))"
_RU_SEEK = r"(?! (?:найти|видеть|увидеть|обнаружить))"
_AR_SEEK = r"(?! (?:العثور|إيجاد|رؤية))"

# Every pattern is bounded and begins with a literal word, so that a search is linear.
_PHRASES = {
    "en": (
        rf"\b(?:i|we)\s?{_EN_CANNOT}(?! {_EN_SEEK})\b"
        rf"|\b(?:not able|unable|not allowed|not permitted) to {_EN_DO}\b"
        r"|\b(?:cannot|can['’]t|can not) (?:help|assist|share|disclose|reveal|comply)\b"
        r"|\b(?:cannot|can['’]t|can not) be (?:shared|disclosed|revealed)\b"
        r"|\bnot (?:something|anything) (?:that )?(?:i|we) can\b"
        r"|\b(?:must|have to|need to) (?:decline|refuse)\b|\b(?:i|we) (?:decline|refuse) to\b|\bi decline\b"
    ),
    "de": (
        r"\b(?:kann|können|darf|dürfen|werde|werden|möchte) (?:\w+ ){0,6}?(?:nicht|keine?[nrs]?)(?: \w+){0,5}?"
        r" (?:helfen|weiterhelfen|unterstützen|tun|machen|teilen|mitteilen|herausgeben|weitergeben|nennen|preisgeben"
        r"|offenlegen|bereitstellen|beantworten|erstatten|ausführen|erlauben|verraten|durchführen)\b"
        r"|\b(?:bin|sind) (?:\w+ ){0,3}?nicht (?:in der lage|befugt|berechtigt)\b"
        r"|\b(?:muss|müssen) (?:\w+ ){0,4}?(?:ablehnen|verweigern)\b"
        r"|\bist mir (?:leider )?nicht (?:möglich|erlaubt|gestattet)\b"
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
_SIGNS = {
    "en": ("can", "could", "won", "will not", "must", "not ", "unable", "decline", "refuse"),
    "de": ("nicht", "kein", "ablehnen", "verweigern"),
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
