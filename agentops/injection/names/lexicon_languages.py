"""Names of variables in other languages than English, without accents; CJK words are found anywhere in a name.

Heads of names as in lexicon.py: what a user writes, what third parties write, histories, the program's own values.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# German, French, Spanish, Portuguese, Italian, Dutch, Polish, Turkish, Russian, Vietnamese, Indonesian.
USER = _words(
    "frage fragen anfrage eingabe benutzereingabe nutzereingabe nachricht benutzername anliegen thema wunsch "
    "requete demande entree saisie sujet utilisateur nom_utilisateur reclamation "
    "pregunta preguntas consulta entrada mensaje solicitud usuario nombre_usuario tema_usuario peticion "
    "pergunta perguntas mensagem solicitacao pedido nome_usuario duvida "
    "domanda domande richiesta messaggio utente argomento "
    "vraag vragen bericht gebruikersinvoer verzoek gebruiker "
    "pytanie zapytanie wiadomosc uzytkownik soru mesaj kullanici istek "
    "вопрос запрос сообщение пользователь ввод pertanyaan pesan pengguna cau_hoi nguoi_dung"
)
THIRD_PARTY = _words(
    "dokument dokumente inhalt kontext auszug artikel webseite seite anhang ergebnis ergebnisse suchergebnisse datei "
    "protokoll quelle quellen abschnitt bewertung "
    "documento documents_trouves texte contenu contexte extrait page_web courriel resultat resultats fichier avis "
    "documentos texto contenido contexto fragmento pagina correo resultado resultados archivo resena fuente "
    "conteudo trecho arquivo fonte avaliacao noticia testo contenuto contesto brano allegato risultati fonti "
    "inhoud tekst bestand bron tresc kontekst dokumenty belge icerik baglam metin dosya "
    "документ документы текст контекст содержание письмо статья результат результаты файл dokumen konten"
)
HISTORY = _words(
    "verlauf gespraechsverlauf gesprach unterhaltung chatverlauf historique conversation_precedente historial "
    "conversacion historico conversa cronologia conversazione geschiedenis gesprek historia rozmowa gecmis sohbet "
    "история диалог переписка riwayat"
)
CONSTANT = _words(
    "datum heute uhrzeit sprache anzahl beispiele ausgabeformat werkzeuge date_du_jour heure langue nombre exemples "
    "format_sortie outils fecha hoy hora idioma cantidad ejemplos formato herramientas data_atual hoje lingua_saida "
    "quantidade exemplos ferramentas oggi ora lingua esempi strumenti taal voorbeelden jezyk dil tarih дата язык "
    "примеры формат сегодня tanggal bahasa"
)

# Chinese, Japanese, Korean, Arabic, Hebrew, Hindi, Thai: longest first where one holds another.
ANYWHERE: tuple[tuple[str, str], ...] = (
    ("格式", "constant"), ("日期", "constant"), ("日付", "constant"), ("时间", "constant"), ("時間", "constant"),
    ("语言", "constant"), ("語言", "constant"), ("言語", "constant"), ("示例", "constant"), ("例子", "constant"),
    ("工具", "constant"), ("ツール", "constant"), ("数量", "constant"), ("날짜", "constant"), ("언어", "constant"),
    ("예시", "constant"), ("도구", "constant"), ("التاريخ", "constant"), ("اللغة", "constant"),
    ("历史", "history"), ("歷史", "history"), ("履歴", "history"), ("对话", "history"), ("對話", "history"),
    ("会話", "history"), ("대화", "history"), ("기록", "history"), ("المحادثة", "history"),
    ("用户", "user"), ("用戶", "user"), ("使用者", "user"), ("ユーザー", "user"), ("사용자", "user"),
    ("问题", "user"), ("問題", "user"), ("質問", "user"), ("질문", "user"), ("输入", "user"), ("輸入", "user"),
    ("入力", "user"), ("입력", "user"), ("消息", "user"), ("メッセージ", "user"), ("메시지", "user"),
    ("请求", "user"), ("查询", "user"), ("السؤال", "user"), ("المستخدم", "user"), ("שאלה", "user"), ("प्रश्न", "user"),
    ("คำถาม", "user"),
    ("文档", "third-party"), ("文檔", "third-party"), ("文書", "third-party"), ("문서", "third-party"),
    ("上下文", "third-party"), ("文脈", "third-party"), ("문맥", "third-party"), ("내용", "third-party"),
    ("内容", "third-party"), ("內容", "third-party"), ("文章", "third-party"), ("网页", "third-party"),
    ("邮件", "third-party"), ("メール", "third-party"), ("检索", "third-party"), ("結果", "third-party"),
    ("结果", "third-party"), ("资料", "third-party"), ("資料", "third-party"), ("評論", "third-party"),
    ("评论", "third-party"), ("النص", "third-party"), ("المستند", "third-party"), ("מסמך", "third-party"),
    ("เอกสาร", "third-party"),
)  # fmt: skip
