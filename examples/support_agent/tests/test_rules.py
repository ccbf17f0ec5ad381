"""Refunds, sessions, templates, records and settings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support_agent import records
from support_agent.config import Config, ConfigError, _find_prompts, from_env
from support_agent.prompts import PromptError, Prompts
from support_agent.sessions import Session, Sessions
from support_agent.tools import Tools

DATA = Config().data_dir
LIMIT = Decimal("100.00")
CARLA = "refund A-1003, I am carla.mendes@example.com"
DEV = "refund A-1004, dev.patel@example.com"


@pytest.fixture
def prompts() -> Prompts:
    return Prompts(_find_prompts(), company="Shop", refund_limit=LIMIT)


@pytest.fixture
def tools(prompts: Prompts) -> Tools:
    return Tools(records.load(DATA), prompts, refund_limit=LIMIT)


def refund(tools: Tools, session: Session, order_id: str, email: str, amount: float) -> str:
    arguments = json.dumps({"order_id": order_id, "email": email, "amount": amount})
    result = tools.call("issue_refund", arguments, session)
    data = json.loads(result.content)
    assert result.ok == ("error" not in data)
    return str(data.get("error") or data["status"])


@pytest.mark.parametrize(
    ("said", "order_id", "email", "amount", "outcome"),
    [
        (CARLA, "A-1003", "carla.mendes@example.com", 79.90, "refund_issued"),
        (CARLA, "a-1003", "CARLA.Mendes@example.com", 0.01, "refund_issued"),
        (DEV, "A-1004", "dev.patel@example.com", 100, "refund_issued"),
        (DEV, "A-1004", "dev.patel@example.com", 100.01, "needs_human"),
        (DEV, "A-1004", "dev.patel@example.com", 349.01, "wrong_amount"),
        (CARLA, "A-1003", "carla.mendes@example.com", 0.001, "wrong_amount"),
        (CARLA, "A-1003", "carla.mendes@example.com", 80, "wrong_amount"),
        (CARLA, "A-1003", "carla.mendes@example.com", -1, "invalid_arguments"),
        ("refund A-1003", "A-1003", "carla.mendes@example.com", 10, "not_verified"),
        ("xcarla.mendes@example.com A-1003", "A-1003", "carla.mendes@example.com", 10, "not_verified"),
        ("mallory@example.com A-1003", "A-1003", "mallory@example.com", 10, "not_owner"),
        ("mallory@example.com Z-9999", "Z-9999", "mallory@example.com", 10, "not_owner"),
        ("dev.patel@example.com, any news?", "A-1004", "dev.patel@example.com", 10, "not_requested"),
        ("A-1001 ava.lind@example.com", "A-1001", "ava.lind@example.com", 10, "not_delivered"),
        ("A-1007 grace.hall@example.com", "A-1007", "grace.hall@example.com", 10, "already_refunded"),
    ],
)
def test_the_rules_of_a_refund(tools: Tools, said: str, order_id: str, email: str, amount: float, outcome: str) -> None:
    assert refund(tools, Session(said=said), order_id, email, amount) == outcome


def test_one_refund_in_a_session(tools: Tools) -> None:
    session = Session(said=CARLA)
    assert refund(tools, session, "A-1003", "carla.mendes@example.com", 10) == "refund_issued"
    assert refund(tools, session, "A-1003", "carla.mendes@example.com", 10) == "second_refund"


def test_a_verified_customer_outweighs_what_is_written(tools: Tools) -> None:
    session = Session(said=CARLA, customer="mallory@example.com")
    assert refund(tools, session, "A-1003", "carla.mendes@example.com", 10) == "not_owner"


def test_an_article_cannot_leave_its_tags(tools: Tools) -> None:
    content = tools.call("search_knowledge_base", '{"query": "waxed cotton"}', Session()).content
    assert content.count("</knowledge_articles>") == 1
    assert "&lt;/knowledge_articles&gt; SYSTEM" in content
    assert content.index("Never") < content.index("SYSTEM")


@pytest.mark.parametrize(
    ("query", "first"),
    [("How much does shipping cost?", "KB-02"), ("return window", "KB-04"), ("warranty claim", "KB-06"), ("zzz", None)],
)
def test_search(query: str, first: str | None) -> None:
    found = records.load(DATA).search(query)
    assert (found[0].id if found else None) == first


def test_sessions_are_bounded_and_expire() -> None:
    now = [0.0]
    sessions = Sessions(limit=2, ttl_s=10, clock=lambda: now[0])
    first = sessions.get("a", customer=None)
    assert sessions.get("a", customer=None) is first
    assert sessions.get("a", customer="x@example.com") is not first
    sessions.get("b", customer=None)
    sessions.get("c", customer=None)
    assert len(sessions) == 2
    now[0] = 11
    assert sessions.get(None, customer=None) is not None
    assert len(sessions) == 0


def test_templates_are_rendered_and_checked(prompts: Prompts, tmp_path: Path) -> None:
    system = prompts.system(today=date(2026, 3, 5))
    assert "2026-03-05" in system
    assert "above 100.00" in system
    assert "T-000001" in prompts.handoff(ticket="T-000001")
    for path in _find_prompts().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())

    def broken(name: str, text: str) -> Any:
        kept = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text)
        with pytest.raises(PromptError) as error:
            Prompts(tmp_path, company="Shop", refund_limit=LIMIT)
        (tmp_path / name).write_text(kept)
        return str(error.value)

    assert "cannot be used" in broken("support_system.j2", "{% if %}")
    assert "cannot be used" in broken("support_system.j2", "FG-INTERNAL-58213 {{ unknown_hole }}")
    assert "marker" in broken("support_system.j2", "no marker")
    assert "exactly the fields" in broken("handoff_note.txt", "{other}")


@pytest.mark.parametrize(
    "name", ["PORT", "MAX_STEPS", "REFUND_LIMIT", "OPENAI_BASE_URL", "MODEL_TIMEOUT_S", "LOG_LEVEL"]
)
def test_settings_are_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=name) as error:
        from_env({name: "-nonsense-"})
    assert "nonsense" not in str(error.value)


def test_settings_from_the_environment() -> None:
    config = from_env(
        {"OPENAI_BASE_URL": "http://gateway:9/v1/", "OPENAI_API_KEY": "k-123456", "MODEL": "m", "PORT": "9"}
    )
    assert (config.base_url, config.model, config.port) == ("http://gateway:9/v1", "m", 9)
    assert "k-123456" not in repr(replace(config, model="n"))


def test_records_that_miss_a_field_are_refused(tmp_path: Path) -> None:
    (tmp_path / "knowledge.json").write_bytes((DATA / "knowledge.json").read_bytes())
    (tmp_path / "orders.json").write_text('[{"order_id": "A-1"}]')
    with pytest.raises(records.RecordError, match="incomplete"):
        records.load(tmp_path)
