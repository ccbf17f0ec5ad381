"""A customer-support agent for an outdoor shop: orders, small refunds, questions about the shop."""
