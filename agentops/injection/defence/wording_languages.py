"""Orders and declarations in other languages than English, for the sentences that wording.py reads.

Short imperatives as they begin a prompt, and the order never to follow what a text says. A language that is not here
falls to the length of its sentences, as an order and never as a defence.
"""

from __future__ import annotations

import re

# German, French, Spanish, Portuguese, Italian, Dutch, Polish, Russian; Chinese, Japanese, Korean.
ORDER = re.compile(
    r"^\W{0,12}(?:bitte |fasse? |übersetze|analysiere|beantworte|antworte|schreibe?|erstelle|erkläre|gib |extrahiere|"
    r"klassifiziere|bewerte|prüfe|formuliere|nenne|verwende|liefere|nutze|identifiziere|"
    r"vergleiche|korrigiere|berücksichtige|achte |halte dich|generiere|bestimme|ermittle|"
    r"résume|resume|traduis|traduisez|analyse[zr]?\b|réponds|répondez|écris|écrivez|rédige|génère|explique|donne[zr]?\b|"
    r"extrais|extrayez|classe[zr]?\b|évalue|utilise|fournis|fournissez|indique|identifie|décris|propose[zr]?\b|"
    r"veuillez|fais |faites|retourne|renvoie|renvoyez|vérifie|corrige|complète|"
    r"traduce|traduzca|analiza|responde|responda|escribe|genera|explica|extrae|clasifica|evalúa|utiliza|proporciona|devuelve|identifica|redacta|"
    r"resuma|traduza|analise|escreva|gere|explique|extraia|classifique|avalie|"
    r"riassumi|traduci|analizza|rispondi|scrivi|spiega|estrai|classifica|valuta|"
    r"vat |vertaal|analyseer|beantwoord|schrijf|geef|podsumuj|przetłumacz|odpowiedz|napisz|"
    r"переведи|ответь|напиши|проанализируй|объясни|составь|извлеки|оцени|перескажи)"
    r"|\b(?:du bist|sie sind ein|tu es un|vous êtes un|eres un|usted es|você é|sei un|je bent|jesteś)\b"
    r"|(?:^|\W)ты [—-] "
    r"|(?<![申邀聘])[请請](?=[\u4e00-\u9fff])(?![求假])|你是|您是|不要|必须|必須|务必|務必|不得|禁止"
    r"|(?:翻译|翻譯|总结|總結|概括|分析|回答|提取|判断|改写)(?:以下|下面|这|該|该|上述)"
    r"|(?:して|しろ|せよ|ください|下さい|なさい)(?:[。.！!\s]|$)|あなたは|(?:하세요|하시오|해\s?줘|해주세요|하십시오|당신은|너는)"
)

# An order never to follow what some text says.
NEVER_FOLLOW = re.compile(
    r"\b(?:befolge|folge|führe|gehorche)\w{0,2}\b.{0,60}\b(?:keine\w?|niemals|nie|nicht)\b.{0,60}\b(?:anweisung|befehl)"
    r"|\b(?:keine\w?|niemals|nie)\b.{0,60}\b(?:anweisung\w{0,3}|befehle\w?)\b.{0,80}\b(?:befolgen|folgen|ausführen)\b"
    r"|\b(?:ne |n')(?:suis|suivez|suivre|exécute\w{0,2}|obéis\w{0,3})\b.{0,60}\b(?:instruction|ordre|consigne)"
    r"|\b(?:no|nunca|jamás)\b.{0,20}\b(?:sigas|siga|obedezcas|obedezca|ejecutes|ejecute)\b.{0,60}\b(?:instruccion|órden)"
    r"|\b(?:não|nunca|jamais)\b.{0,20}\b(?:siga|obedeça|execute)\b.{0,60}\b(?:instruç|orden|comando)"
    r"|\b(?:non|mai)\b.{0,20}\b(?:seguire|eseguire|obbedire)\b.{0,60}\b(?:istruzion|ordin|comand)"
    r"|\bне (?:выполняй|следуй|исполняй)\w{0,3}\b.{0,60}(?:инструкц|команд|указан)"
    r"|(?:不要|切勿|请勿|請勿|禁止|绝不|絕不|不得).{0,30}(?:执行|執行|遵循|遵从|遵從|听从|聽從|服从|服從).{0,40}(?:指令|指示|命令|要求)"
    r"|(?:指示|命令)に?は?.{0,20}(?:従わない|従ってはいけ|実行しない|無視)"
    r"|(?:지시|명령).{0,20}(?:따르지|실행하지|무시)"
)
