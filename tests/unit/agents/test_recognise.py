"""The preflight of protocols that only take POST: what the target shows without being asked anything."""

from typing import Any

import pytest

from agentops.errors import TargetError
from agentops.model.settings import Agent, Http

ASKED = [
    Agent("a"),
    Agent("a", protocol="openai-responses"),
    Agent("a", protocol="http", http=Http(body={}, answer="x")),
]
CARD = {"name": "shop", "url": "http://h", "protocolVersion": "0.3.0"}
SIGNS = [
    ("/.well-known/agent-card.json", CARD, "a2a"),
    ("/.well-known/agent.json", CARD, "a2a"),
    ("/list-apps", ["shop"], "adk"),
    ("/ping", {"status": "Healthy"}, "agentcore"),
    ("/ok", {"ok": True}, "langgraph"),
]


@pytest.mark.parametrize("agent", ASKED, ids=lambda a: a.protocol)
@pytest.mark.parametrize(("path", "shown", "protocol"), SIGNS)
def test_what_it_speaks_instead(serve: Any, preflight: Any, agent: Agent, path: str, shown: Any, protocol: str) -> None:
    server = serve(lambda r: r.reply(shown) if r.path == path else r.reply({"detail": "Not Found"}, 404))
    with pytest.raises(TargetError, match=f"seems to speak {protocol}") as caught:
        preflight(agent, server.url)
    assert caught.value.hint == f"try agent.protocol: {protocol}"
    assert all(r.command in ("GET", "OPTIONS") for r in server.seen)


@pytest.mark.parametrize(("path", "shown", "protocol"), SIGNS)
def test_the_others_tell_too(serve: Any, preflight: Any, path: str, shown: Any, protocol: str) -> None:
    server = serve(lambda r: r.reply(shown) if r.path == path else r.reply({"detail": "Not Found"}, 404))
    for other in {"a2a", "adk", "agentcore", "langgraph"} - {protocol}:
        with pytest.raises(TargetError, match=f"seems to speak {protocol}"):
            preflight(Agent("a", protocol=other), server.url)


@pytest.mark.parametrize("agent", ASKED, ids=lambda a: a.protocol)
@pytest.mark.parametrize("status", [200, 204, 400, 403, 405, 422, 500, 501])
def test_a_target_that_may_be_right_is_left_alone(serve: Any, preflight: Any, agent: Agent, status: int) -> None:
    server = serve(lambda r: r.reply(b"", status))
    assert preflight(agent, server.url) == ()
    assert len(server.seen) == 1


def test_a_missing_path_is_said_and_a_page_is_refused(serve: Any, preflight: Any) -> None:
    (said,) = preflight(Agent("a"), serve(lambda r: r.reply({}, 404)).url)
    assert "404" in said
    with pytest.raises(TargetError, match="an HTML page titled 'My Shop'"):
        preflight(Agent("a"), serve(lambda r: r.reply(b"<html><title>My Shop</title>")).url)
    with pytest.raises(TargetError, match="401") as caught:
        preflight(Agent("a"), serve(lambda r: r.reply({}, 401)).url)
    assert "agent.auth_env" in caught.value.hint


def test_nobody_there(preflight: Any) -> None:
    with pytest.raises(TargetError, match="no connection"):
        preflight(Agent("a"), "http://127.0.0.1:1")


def test_a_card_of_another_kind_is_no_sign(serve: Any, preflight: Any) -> None:
    server = serve(lambda r: r.reply({"anything": 1}) if r.command == "GET" else r.reply({}, 404))
    assert len(preflight(Agent("a"), server.url)) == 1
