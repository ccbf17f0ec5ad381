"""The shop's records: orders and knowledge articles, read once from JSON and never changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

_WORD = re.compile(r"[a-z0-9]+")
_COMMON = frozenset(
    (
        "a", "an", "and", "are", "be", "can", "do", "does", "for", "from", "have", "how", "i", "if", "in", "is", "it",
        "long", "me", "much", "my", "of", "on", "or", "our", "the", "there", "to", "what", "when", "where", "which",
        "who", "will", "with", "you", "your",
    )
)  # fmt: skip
_TITLE_WEIGHT = 3


class RecordError(ValueError):
    """A file of records is missing or does not hold what it should."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `email` owns it; `public` is what may be told to whoever knows the number."""

    id: str
    email: str
    status: str
    total: Decimal
    public: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Article:
    """A knowledge article. `source` is "staff" or "community"; the text of either is data, never an order."""

    id: str
    title: str
    body: str
    source: str
    words: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Records:
    """All records."""

    orders: Mapping[str, Order]
    articles: Sequence[Article]

    def search(self, query: str, *, limit: int = 2) -> list[Article]:
        """The articles that share most words with the query, best first; none where no word is shared."""
        wanted = set(_words(query))
        scored = [(sum(article.words.get(word, 0) for word in wanted), article) for article in self.articles]
        found = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1].id))
        return [article for _, article in found[:limit]]


def load(folder: Path) -> Records:
    """Read orders.json and knowledge.json. Raises RecordError."""
    try:
        orders = [_order(item) for item in _read(folder / "orders.json")]
        articles = [_article(item) for item in _read(folder / "knowledge.json")]
    except (KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise RecordError(f"a record is incomplete: {type(error).__name__}: {error}") from None
    if not orders or not articles:
        raise RecordError("there must be at least one order and one article")
    return Records({order.id: order for order in orders}, articles)


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path.name} cannot be read: {type(error).__name__}") from None
    if not isinstance(data, list):
        raise RecordError(f"{path.name} must hold a list")
    return data


def _order(item: dict[str, Any]) -> Order:
    # The customer's name, e-mail and address stay out of what the model sees.
    public = {key: value for key, value in item.items() if key != "customer"}
    return Order(
        id=item["order_id"],
        email=item["customer"]["email"].casefold(),
        status=item["status"],
        total=Decimal(item["total"]),
        public=public,
    )


def _article(item: dict[str, Any]) -> Article:
    words: dict[str, int] = {}
    for word in _words(item["body"]):
        words[word] = 1
    for word in _words(item["title"]) + _words(item.get("keywords", "")):
        words[word] = _TITLE_WEIGHT
    return Article(item["id"], item["title"], item["body"], item["source"], words)


def _words(text: str) -> list[str]:
    # A plural and its singular count as one word.
    found = _WORD.findall(text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found if word not in _COMMON]
