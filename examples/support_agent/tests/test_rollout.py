"""What a rollout asks of the agent: shadow mode, metrics, records, version, and the way it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support_agent import records, refunds
from support_agent.config import Config, ConfigError, _find_prompts, from_env
from support_agent.prompts import Prompts
from support_agent.script import ScriptedModel, ScriptError
from support_agent.sessions import Session
from support_agent.shadow import LIVE, SHADOW, Records, acts, is_local
from support_agent.tools import SCHEMAS, Tools

CARLA = "refund A-1003, I am carla.mendes@example.com"
REFUND = '{"order_id": "A-1003", "email": "carla.mendes@example.com", "amount": 10}'
SCRIPT = Config().data_dir / "script.json"


def tools(mode: str, payments: refunds.Payments) -> Tools:
    limit = Decimal("100.00")
    prompts = Prompts(_find_prompts(), company="Shop", refund_limit=limit)
    return Tools(records.load(Config().data_dir), prompts, refund_limit=limit, mode=mode, payments=payments)


@pytest.mark.parametrize(("mode", "paid"), [(LIVE, {"RF-A-1003": Decimal("10")}), (SHADOW, {})])
def test_only_a_live_agent_pays_and_both_say_the_same(mode: str, paid: dict[str, Decimal]) -> None:
    payments = refunds.Payments()
    result = tools(mode, payments).call("issue_refund", REFUND, Session(said=CARLA))
    assert payments.paid == paid
    assert json.loads(result.content)["status"] == "refund_issued"
    assert result.recorded is (mode == SHADOW)


def test_an_unknown_tool_counts_as_one_that_acts() -> None:
    result = tools(SHADOW, refunds.Payments()).call("delete_account", "{}", Session())
    assert (result.ok, result.recorded) == (False, True)
    assert not tools(SHADOW, refunds.Payments()).call("lookup_order", '{"order_id": "A-1001"}', Session()).recorded
    assert {name for name in SCHEMAS if acts(name)} == {"issue_refund"}


def test_a_header_cannot_switch_the_mode(run: Any) -> None:
    async def check(bench: Any) -> None:
        _, data = await bench.ask(CARLA, headers={"X-Agentops-Shadow": "1"})
        assert "recorded" not in data["trace"]["tool_calls"][0]
        async with bench.client.get("/metrics") as response:
            assert 'agent_writes_total{tool="issue_refund",done="executed"} 1' in await response.text()

    run(check, [[("issue_refund", REFUND)], "Done."])

    async def shadow(bench: Any) -> None:
        _, data = await bench.ask(CARLA, headers={"X-Agentops-Shadow": "0"})
        assert data["trace"]["tool_calls"][0]["recorded"] is True
        async with bench.client.get("/metrics") as response:
            assert 'agent_writes_total{tool="issue_refund",done="recorded"} 1' in await response.text()

    run(shadow, [[("issue_refund", REFUND)], "Done."], mode=SHADOW)


@pytest.mark.parametrize("word", ["Shadow", "SHADOW", "off", "1"])
def test_a_mode_that_is_misspelt_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="AGENTOPS_MODE"):
        from_env({"AGENTOPS_MODE": word})
    assert (from_env({"AGENTOPS_MODE": "shadow"}).mode, from_env({}).mode) == (SHADOW, LIVE)


def test_what_was_served_is_counted_by_cause(run: Any) -> None:
    async def check(bench: Any) -> None:
        await bench.ask("one")
        await bench.ask("two")
        await bench.ask("", messages="none")
        async with bench.client.get("/metrics") as response:
            assert response.headers["X-Agent-Version"] == "v7"
            lines = (await response.text()).splitlines()
        assert 'agent_info{version="v7"} 1' in lines
        assert 'agent_requests_total{code="200",cause="none"} 1' in lines
        assert 'agent_requests_total{code="502",cause="model"} 1' in lines
        assert 'agent_requests_total{code="400",cause="client"} 1' in lines
        assert 'agent_request_seconds_bucket{le="+Inf"} 3' in lines
        assert "agent_request_seconds_count 3" in lines
        assert "agent_tokens_total 12" in lines
        assert "agent_cost_usd_total 0.000014000" in lines
        assert "agent_requests_in_flight 0" in lines

    run(check, ["fine", 400], version="v7", prices=(1.0, 2.0))


def test_a_crash_is_the_agents_own_failure(run: Any) -> None:
    async def check(bench: Any) -> None:
        assert (await bench.ask("x"))[0] == 500
        async with bench.client.get("/metrics") as response:
            assert 'agent_requests_total{code="500",cause="agent"} 1' in await response.text()

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("inside")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support_agent.turn.guard.clean_output", broken)
        run(check, ["hello"])


def test_an_answer_tells_a_cost_only_where_prices_were_set(run: Any) -> None:
    async def untold(bench: Any) -> None:
        assert "cost" not in (await bench.ask("x"))[1]["usage"]

    async def told(bench: Any) -> None:
        assert (await bench.ask("x"))[1]["usage"]["cost"] == pytest.approx(14e-6)

    run(untold, ["y"])
    run(told, ["y"], tell_cost=True, prices=(1.0, 2.0))
    assert from_env({"INPUT_USD_PER_MILLION": "1", "OUTPUT_USD_PER_MILLION": "2"}).tell_cost


def test_records_join_on_the_request_and_stay_inside_of_the_pod(run: Any) -> None:
    async def check(bench: Any) -> None:
        await bench.ask("one", headers={"X-Request-Id": "r-1"})
        await bench.ask("two", headers={"X-Request-Id": "r-2"})
        await bench.ask("nobody can join this")
        async with bench.client.get("/shadow/records?after=1") as response:
            (line,) = (await response.text()).splitlines()
            assert response.headers["X-Agent-Mode"] == SHADOW
        record = json.loads(line)
        assert (record["request_id"], record["seq"], record["turn"]) == ("r-2", 2, 2)
        assert (record["answer"], record["usage"]["total_tokens"], record["status"]) == ("b", 12, 200)
        async with bench.client.get("/shadow/records", headers={"X-Forwarded-For": "9.9.9.9"}) as response:
            assert response.status == 404

    run(check, ["a", "b", "c"], mode=SHADOW, record=True)

    async def closed(bench: Any) -> None:
        async with bench.client.get("/shadow/records") as response:
            assert response.status == 404

    run(closed, [])


def test_records_are_bounded_and_a_neighbour_is_not_local() -> None:
    kept = Records()
    for number in range(600):
        kept.add(f"r{number}", {})
    lines = [json.loads(line) for line in kept.after(0)]
    assert (len(lines), lines[0]["seq"], lines[-1]["seq"]) == (500, 101, 600)
    assert (len(list(kept.after(599))), len(list(kept.after(600))), len(list(kept.after(9000)))) == (1, 0, 500)
    assert is_local("127.0.0.1", {})
    assert not is_local("10.1.2.3", {})
    assert not is_local("127.0.0.6", {})


def test_a_script_plays_the_model_and_says_so(run: Any, tmp_path: Path) -> None:
    async def check(bench: Any) -> None:
        status, data = await bench.ask("Where is A-1001?")
        assert (status, data["model"]) == (200, "scripted:script.json")
        assert data["trace"]["tool_calls"][0]["arguments"] == {"order_id": "A-1001"}
        async with bench.client.get("/ready") as response:
            assert response.status == 200
        assert not bench.model.asked

    run(check, [], model_script=SCRIPT, api_key="")
    (tmp_path / "s.json").write_text('[{"when": "("}]')
    with pytest.raises(ScriptError):
        ScriptedModel(tmp_path / "s.json")


@pytest.mark.parametrize("said", ["", "hello", "my password", "refund please", "refund A-1003 for a@b.example"])
def test_the_script_that_comes_along_answers_everything(said: str) -> None:
    script = ScriptedModel(SCRIPT, latency_s=0)
    reply = asyncio.run(script.complete([{"role": "user", "content": said}], []))
    assert reply.text or reply.calls


def _ask(port: int, path: str, body: object = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_sigterm_drains_before_it_stops() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "PORT": str(port), "MODEL_SCRIPT": str(SCRIPT), "DRAIN_DELAY_S": "1", "LOG_LEVEL": "error",
        "PROMPTS_DIR": str(_find_prompts()), "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(records.__file__).parents[1]),
    }  # fmt: skip
    child = subprocess.Popen([sys.executable, "-m", "support_agent"], env=env)
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                assert _ask(port, "/ready")[0] == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert _ask(port, "/ready")[0] == 503
        assert _ask(port, "/health")[0] == 200
        chat = {"messages": [{"role": "user", "content": "hello"}]}
        assert _ask(port, "/v1/chat/completions", chat)[0] == 200
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
