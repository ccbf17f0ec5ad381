"""The trust of a hole: configuration, type, container, name, and a reason each time."""

from __future__ import annotations

import pytest

from agentops.errors import ConfigError
from agentops.injection import engine
from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.template import Hole, Template
from agentops.injection.trust import Judge
from agentops.model.finding import Confidence


def kind(name: str, *, filters: tuple[str, ...] = (), trust: dict[str, str] | None = None, **types: str) -> Kind:
    found = Judge(trust or {}).trust(Hole(name, "a", 1, 1, 0, filters=filters), Template("a", "", (), types))
    assert found.why
    return found.kind


@pytest.mark.parametrize(
    "name",
    [
        "user_input",
        "question",
        "userQuestion",
        "query",
        "message",
        "chat_history",
        "messages[].content",
        "user.bio",
        "title",
        "user_story",
        "user_rules",
        "user_examples",
        "default_user_input",
        "parameters.question",
        "chat_input",
    ],
)
def test_what_users_write(name: str) -> None:
    assert kind(name) is Kind.USER


@pytest.mark.parametrize(
    "name",
    ["document", "documents[].page_content", "context", "retrieved_text", "email", "web_page", "tool_output",
     "email.body", "results[].title", "SAMPLE_TEXT", "retrieved_message",
     "known_issues", "uploaded_schema", "tool.stdout", "tools[0].result_text", "self.content",
     "invoice.description"],
)  # fmt: skip
def test_what_third_parties_write(name: str) -> None:
    assert kind(name) is Kind.THIRD_PARTY


@pytest.mark.parametrize(
    "name", ["answer", "draft_reply", "output_2", "agent_scratchpad", "model.output", "assistant_message"]
)
def test_what_models_write(name: str) -> None:
    assert kind(name) is Kind.MODEL


@pytest.mark.parametrize(
    "name",
    ["date", "today", "format_instructions", "tools", "json_schema", "language", "user_language", "company", "limit",
     "document_count", "num_documents", "tool.name", "messages[].role", "SCHEMA_JSON", "known_types", "total_documents",
     "tools[].usage_notes[]", "table.columns", "retrieved_count", "user_id", "bot_display_name",
     "metric.description"],
)  # fmt: skip
def test_what_the_program_fills_in(name: str) -> None:
    assert kind(name) is Kind.CONSTANT


@pytest.mark.parametrize("name", ["persona", "custom_instructions", "tenant_policy"])
def test_what_the_operator_writes(name: str) -> None:
    assert kind(name) is Kind.OPERATOR


@pytest.mark.parametrize("name", ["x", "thing", "0", "name", "data", "task", "function.return_value"])
def test_the_rest_is_unknown_and_a_band(name: str) -> None:
    found = Judge({}).trust(Hole(name, "a", 1, 1, 0), Template("a", "", ()))
    assert (found.kind, found.low, found.high) == (Kind.UNKNOWN, 0.2, 0.95)
    assert found.kind.verdict == "unknown"


def test_the_order_is_configuration_type_filter_container_name() -> None:
    assert kind("question", trust={"question": "constant"}, question="enum") is Kind.CONSTANT
    assert kind("question", trust={"question": "operator"}, question="enum") is Kind.OPERATOR
    assert kind("question", question="enum") is Kind.CONSTANT
    assert kind("question", question="string") is Kind.USER
    assert kind("documents", filters=("length",)) is Kind.CONSTANT
    assert kind("documents", filters=("upper",)) is Kind.THIRD_PARTY
    assert kind("messages[].schema") is Kind.USER


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("buildDigest(profile, docs)", Kind.THIRD_PARTY),
        ("fmt(wrap(user.bio), 3)", Kind.USER),
        ("render(limit)", Kind.UNKNOWN),
        ("num_lines(docs)", Kind.CONSTANT),
        ("f()", Kind.UNKNOWN),
        ("f(" * 50 + "docs" + ")" * 50, Kind.UNKNOWN),
    ],
)
def test_a_call_is_made_from_what_it_is_given(name: str, expected: Kind) -> None:
    assert kind(name) is expected


def test_a_number_has_no_fields() -> None:
    types = {"user": "number"}
    assert Judge({}).trust(Hole("user.bio", "a", 1, 1, 0), Template("a", "", (), types=types)).kind is Kind.USER
    assert (
        Judge({}).trust(Hole("user.toFixed()", "a", 1, 1, 0), Template("a", "", (), types=types)).kind is Kind.CONSTANT
    )


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("On Page {page} of the book.", True),
        ("See page {page} of 9.", True),
        ("See page #{page}.", True),
        ("Read the page {page} and do what it says.", False),
        ("Page: {page}", False),
    ],
)
def test_a_word_counts_only_with_a_number_behind_it(text: str, counts: bool) -> None:
    (template,) = engine.analyse_text(text, path="a.txt")
    assert (template.risk_low == 0) is counts


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("The date of the mail", Kind.CONSTANT),
        ("Number of documents", Kind.CONSTANT),
        ("The number and the full text of the email", Kind.THIRD_PARTY),
        ("Date and body of the customer mail", Kind.THIRD_PARTY),
        ("The document to sum up", Kind.THIRD_PARTY),
    ],
)
def test_descriptions(description: str, expected: Kind) -> None:
    template = Template("a", "", (), descriptions={"x": description})
    assert Judge({}).trust(Hole("x", "a", 1, 1, 0), template).kind is expected


def test_configuration_speaks_for_what_lies_below_and_the_longest_name_wins() -> None:
    trust = {"customer": "untrusted", "customer.id": "constant", "rows": "third-party"}
    assert kind("customer.address.street", trust=trust) is Kind.USER
    assert kind("customer.id", trust=trust) is Kind.CONSTANT
    assert kind("rows[].cell", trust=trust) is Kind.THIRD_PARTY
    assert kind("customers", trust=trust) is Kind.UNKNOWN


def test_a_name_alone_is_a_weak_witness() -> None:
    assert Judge({}).trust(Hole("question", "a", 1, 1, 0), Template("a", "", ())).confidence is Confidence.MEDIUM
    assert Judge({"q": "user"}).trust(Hole("q", "a", 1, 1, 0), Template("a", "", ())).confidence is Confidence.HIGH


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"prompts\.trust\.x: 'trusted'") as caught:
        Judge({"x": "trusted"})
    assert caught.value.problems


_LOOP = "{%% for m in messages %%}%s{%% endfor %%}"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.j2", _LOOP % "{% if m.role == 'system' %}{{ m.content }}{% else %}x{% endif %}", Kind.OPERATOR),
        ("a.j2", _LOOP % "{% if m['role'] == \"developer\" %}{{ m.content }}{% endif %}", Kind.OPERATOR),
        ("a.j2", _LOOP % "{% if m.x %}x{% elif m.role == 'system' %}{{ m.content }}{% endif %}", Kind.OPERATOR),
        ("a.j2", _LOOP % "{% if m.role == 'system' %}x{% else %}{{ m.content }}{% endif %}", Kind.USER),
        ("a.j2", _LOOP % "{% if m.role == 'system' or m.role == 'user' %}{{ m.content }}{% endif %}", Kind.USER),
        ("a.j2", _LOOP % "{% if m.role != 'system' %}{{ m.content }}{% endif %}", Kind.USER),
        ("a.j2", "{% if role == 'system' %}{{ question }}{% endif %}", Kind.USER),
        ("a.tmpl", '{{ range .Messages }}{{ if eq .Role "system" }}{{ .Content }}{{ end }}{{ end }}', Kind.OPERATOR),
        ("a.tmpl", '{{ range .Messages }}{{ if eq .Role "user" }}{{ .Content }}{{ end }}{{ end }}', Kind.USER),
    ],
)  # fmt: skip
def test_a_system_message_of_a_list_is_the_operators(name: str, text: str, expected: Kind) -> None:
    (template,) = engine.parse(Source(name, text))
    (hole,) = template.holes
    assert Judge({}).trust(hole, template).kind is expected
