"""The tools that the model may ask for. Arguments are held against their schemas; what is wrong goes back as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator

from support_agent import refunds
from support_agent.prompts import Prompts
from support_agent.records import Records
from support_agent.sessions import Session
from support_agent.shadow import LIVE, SHADOW, acts

_ORDER_ID = {"type": "string", "pattern": "^[A-Za-z]-[0-9]{4}$", "description": "The order's number, such as A-1001."}
_MAX_ARGUMENTS_CHARS = 4000

SCHEMAS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "lookup_order": (
        "Status, items, carrier and dates of an order. Holds no personal data.",
        {
            "type": "object",
            "properties": {"order_id": _ORDER_ID},
            "required": ["order_id"],
            "additionalProperties": False,
        },
    ),
    "issue_refund": (
        "Refund a delivered order of the customer, in whole or in part. The customer has to name the order and the "
        "e-mail address it was placed with.",
        {
            "type": "object",
            "properties": {
                "order_id": _ORDER_ID,
                "email": {"type": "string", "pattern": "^[^@\\s]+@[^@\\s]+$", "maxLength": 254},
                "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 100000},
                "reason": {"type": "string", "maxLength": 300},
            },
            "required": ["order_id", "email", "amount"],
            "additionalProperties": False,
        },
    ),
    "search_knowledge_base": (
        "Articles about shipping, returns, warranty, payment and products.",
        {
            "type": "object",
            "properties": {"query": {"type": "string", "minLength": 2, "maxLength": 200}},
            "required": ["query"],
            "additionalProperties": False,
        },
    ),
}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave: `content` for the model; `arguments` as understood; `ok` where it did what was asked.
    `recorded` where it would have acted, and the mode kept it from that."""

    name: str
    arguments: Mapping[str, Any]
    content: str
    ok: bool
    recorded: bool = False


class Tools:
    """The tools over the shop's records. In the mode "shadow" none of them acts."""

    def __init__(
        self,
        records: Records,
        prompts: Prompts,
        *,
        refund_limit: Decimal,
        mode: str = LIVE,
        payments: refunds.Payments | None = None,
    ) -> None:
        self._shadow = mode == SHADOW
        self._payments = payments or refunds.Payments()
        self._records = records
        self._prompts = prompts
        self._refund_limit = refund_limit
        self._validators = {name: Draft202012Validator(schema) for name, (_, schema) in SCHEMAS.items()}

    def offered(self) -> list[dict[str, Any]]:
        """The tools in the shape of the model's API."""
        return [
            {"type": "function", "function": {"name": name, "description": text, "parameters": schema}}
            for name, (text, schema) in SCHEMAS.items()
        ]

    def call(self, name: str, arguments: str, session: Session) -> ToolResult:
        """Run a tool as the model asked. Whatever is wrong becomes a result that says so; nothing is raised."""
        return replace(self._call(name, arguments, session), recorded=self._shadow and acts(name))

    def _call(self, name: str, arguments: str, session: Session) -> ToolResult:
        if name not in SCHEMAS:
            known = ", ".join(SCHEMAS)
            return _failed(name[:100], {}, "unknown_tool", f"There is no such tool. The tools are {known}.")
        given = _parse(arguments)
        if given is None:
            return _failed(name, {}, "invalid_arguments", "The arguments are not a JSON object.")
        problem = next(iter(self._validators[name].iter_errors(given)), None)
        if problem is not None:
            where = ".".join(str(part) for part in problem.absolute_path) or "arguments"
            return _failed(name, given, "invalid_arguments", f"{where}: {problem.message[:200]}")
        if name == "search_knowledge_base":
            articles = self._records.search(given["query"])
            if not articles:
                return _failed(name, given, "nothing_found", "No article matches.")
            return ToolResult(name, given, self._prompts.knowledge(articles), ok=True)
        order_id = given["order_id"].upper()
        order = self._records.orders.get(order_id)
        if name == "issue_refund":
            outcome = refunds.issue(
                order,
                session,
                email=given["email"],
                amount=given["amount"],
                limit=self._refund_limit,
                order_id=order_id,
                payments=None if self._shadow else self._payments,
            )
            return ToolResult(name, given, _json(outcome), ok="error" not in outcome)
        if order is None:
            return _failed(name, given, "not_found", "There is no order with this number.")
        return ToolResult(name, given, _json(order.public), ok=True)


def _parse(arguments: str) -> dict[str, Any] | None:
    if len(arguments) > _MAX_ARGUMENTS_CHARS:
        return None
    try:
        # NaN and Infinity are no JSON, and no sums of money either.
        given = json.loads(arguments or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _failed(name: str, arguments: Mapping[str, Any], code: str, message: str) -> ToolResult:
    return ToolResult(name, arguments, _json({"error": code, "message": message}), ok=False)


def _json(data: Mapping[str, Any]) -> str:
    """JSON that can close no tag of a prompt."""
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
