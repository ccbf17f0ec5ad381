"""When a refund may be issued. These limits hold whatever the model was talked into."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from support_agent.records import Order
from support_agent.sessions import Session

_CENT = Decimal("0.01")


class Payments:
    """Stands where a payment service would be called: keeps what it was told to pay, by reference."""

    def __init__(self) -> None:
        self.paid: dict[str, Decimal] = {}

    def pay(self, reference: str, amount: Decimal) -> None:
        """Pay once; the reference makes a repeated call harmless."""
        self.paid.setdefault(reference, amount)


def issue(
    order: Order | None,
    session: Session,
    *,
    email: str,
    amount: float,
    limit: Decimal,
    order_id: str,
    payments: Payments | None,
) -> Mapping[str, Any]:
    """Issue the refund, or say why not: {"error": code, "message": text}. Without `payments` nothing is paid, and all
    else is the same: so does shadow mode see how the conversation would go on.

    A refund needs an order that the customer named and owns, that was delivered, an amount within the order and
    within `limit`, and a session in which none was issued yet.
    """
    money = Decimal(str(amount))
    reason = _refusal(order, session, email=email, money=money, limit=limit, order_id=order_id)
    if reason is not None:
        code, message = reason
        return {"error": code, "message": message}
    session.refunded = True
    reference = f"RF-{order_id}"
    if payments is not None:
        payments.pay(reference, money)
    return {"status": "refund_issued", "order_id": order_id, "amount": f"{money:.2f}", "reference": reference}


def _refusal(
    order: Order | None, session: Session, *, email: str, money: Decimal, limit: Decimal, order_id: str
) -> tuple[str, str] | None:
    if not _named(order_id, session.said):
        # An order that only an article or a note mentions was not asked for by the customer.
        return "not_requested", "The customer did not name this order."
    owner = session.customer or (email.casefold() if _named(email, session.said) else None)
    if owner is None:
        return "not_verified", "The customer has to give the e-mail address of the order first."
    if order is None or order.email != owner:
        # The same answer for both, so that nobody learns which orders exist.
        return "not_owner", "The order does not belong to this e-mail address."
    if order.status == "refunded":
        return "already_refunded", "This order was refunded before."
    if order.status != "delivered":
        return "not_delivered", "Only delivered orders can be refunded."
    if session.refunded:
        return "second_refund", "Only one refund can be issued in a conversation."
    if money != money.quantize(_CENT) or money > order.total:
        return "wrong_amount", "The amount is not a sum of money within the order's total."
    if money > limit:
        return "needs_human", f"Refunds above {limit:.2f} need the approval of a colleague."
    return None


def _named(what: str, said: str) -> bool:
    """Whether the customer wrote exactly this, not as a part of something longer."""
    return re.search(rf"(?<![\w.+-]){re.escape(what)}(?![\w-])", said, re.IGNORECASE) is not None
