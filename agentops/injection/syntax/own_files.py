"""Files that a program reads by a path written in its source: its own, unless the path's words say otherwise."""

from __future__ import annotations

import re

from agentops.injection.kinds import Kind
from agentops.injection.template import Assigned

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PLACE = re.compile(r"[/~\\]|[A-Za-z]:|[a-z]{2,8}://")  # outside of the program's folder
_PROMPT = re.compile(r"prompt|template|system|instruction|persona|preamble|\.j2\Z|\.jinja|\.prompty", re.IGNORECASE)
# Words of what others hand in. The first ones say so even of a file that is called a prompt.
_HANDED_IN = frozenset((
    "upload", "uploads", "uploaded", "download", "downloads", "downloaded", "inbox", "tmp", "temp", "attachment",
    "attachments", "incoming", "scraped", "crawled", "submission", "submissions",
))  # fmt: skip
_MATERIAL = frozenset((
    "input", "inputs", "data", "dataset", "datasets", "user", "users", "doc", "docs", "document", "documents", "mail",
    "mails", "email", "emails", "message", "messages", "chat", "page", "pages", "article", "articles", "report",
    "reports", "review", "reviews", "ticket", "tickets", "transcript", "transcripts", "history", "log", "logs", "cache",
    "output", "outputs", "result", "results", "note", "notes", "comment", "comments", "customer", "customers", "record",
    "records", "feedback", "memory", "diff", "response", "responses", "essay", "resume", "cv", "invoice", "post",
    "posts", "content", "context", "text", "source", "sample", "samples", "book", "paper", "papers", "pdf", "html",
    "csv", "vault", "knowledge", "kb", "corpus", "readme", "changelog", "issue", "issues", "question", "questions",
    "query", "queries", "story", "letter",
))  # fmt: skip


def of_path(path: str) -> Assigned | None:
    """Where the text of the file at a literal relative path comes from; None where the path does not tell."""
    if not path.strip() or _PLACE.match(path) or "\x00" in path:
        return None
    said = {w.lower() for w in _WORD.findall(path[:400])}
    if said & _HANDED_IN:
        return None
    shown = path[:60]
    if _PROMPT.search(path[:400]):
        return Assigned(Kind.CONSTANT, f"it is read from a prompt file of the program ({shown})")
    if said & _MATERIAL:
        return None
    return Assigned(Kind.OPERATOR, f"it is read from a file of the program ({shown})")
