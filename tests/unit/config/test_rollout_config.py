"""The section `rollout` into one Place an environment."""

from pathlib import Path
from typing import Any

import pytest

from agentops.config import load
from agentops.errors import ConfigError
from agentops.model import rollout_settings as r

LEAST = "version: 1\nagent:\n  name: support-agent\n  build: {}\n"
PROMETHEUS = "rollout: {analysis: {prometheus: {url: 'http://127.0.0.1:9090'}, slos: ["
DIGEST = "sha256:" + "a" * 64


def places(folder: Path, text: str) -> Any:
    path = folder / "agentops.yaml"
    path.write_text(LEAST + text)
    settings, _ = load.load(path)
    return settings.rollout


def problem(folder: Path, text: str) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        places(folder, text)
    told = caught.value.problems or (caught.value.message,)
    assert caught.value.hint
    return told[0], caught.value.hint


def test_without_the_section_nothing_is_rolled_out(tmp_path: Path) -> None:
    assert places(tmp_path, "") == {}


def test_an_empty_section_is_production_with_every_default(tmp_path: Path) -> None:
    found = places(tmp_path, "rollout: {}\n")
    assert found == {"production": r.Place("production", "support-agent")}
    place = found["production"]
    assert place.entry == "support-agent"
    assert (place.traffic, place.strategy, place.canary, place.bake_minutes) == ("auto", "canary", (5, 25, 50), 10.0)
    assert (place.shadow.mode, place.watchdog.image, place.low_capacity, place.approval) == ("off", None, False, False)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    text = f"""rollout:
  namespace: shop
  context: prod
  deployment: agent
  service: front
  container: app
  policy: ci
  traffic: splitter
  strategy: blue-green
  canary: [10]
  route: web
  approval: true
  low_capacity: false
  bake_minutes: 2.5
  step: {{samples: 50, minutes: 3, extend: 0}}
  shadow: {{mode: mirror, percent: 5, blocked: "payments:8080", budget: {{calls: 10, usd: 1.5}}, env: {{A: b}}}}
  analysis:
    prometheus: {{service: "monitoring/prometheus:9090"}}
    slos: [{{name: done, promql: "x", at_least: 0.9}}]
  splitter: {{image: "envoy@{DIGEST}", session: x-user}}
  watchdog: {{image: "tool@{DIGEST}", grace_s: 30}}
  timing: {{lease_s: 10, renew_s: 2}}
  admission: {{keys: [release.pem], rollout_keys: [rollouts.pem], max_age_hours: 2}}
  notify: [{{kind: slack, url_env: SLACK}}]
  egress: [{{to: [{{podSelector: {{}}}}]}}]
"""
    place = places(tmp_path, text)["production"]
    assert place == r.Place(
        "production",
        "agent",
        namespace="shop",
        context="prod",
        service="front",
        container="app",
        policy="ci",
        traffic="splitter",
        strategy="blue-green",
        canary=(10,),
        route="web",
        approval=True,
        bake_minutes=2.5,
        step=r.Step(50, 3, 0),
        shadow=r.Shadow("mirror", percent=5, blocked="payments:8080", budget=r.Spend(10, None, 1.5), env={"A": "b"}),
        analysis=r.Analysis(
            prometheus=r.Prometheus(service="monitoring/prometheus:9090"),
            slos=(r.Slo("done", promql="x", at_least=0.9),),
        ),
        splitter=r.Splitter(f"envoy@{DIGEST}", session="x-user"),
        watchdog=r.Watchdog(f"tool@{DIGEST}", grace_s=30),
        timing=r.Timing(lease_s=10, renew_s=2),
        admission=r.Admission(("release.pem",), ("rollouts.pem",), max_age_hours=2),
        notify=(r.Notify("slack", url_env="SLACK"),),
        egress=({"to": [{"podSelector": {}}]},),
    )
    assert place.entry == "front"


def test_environments_lay_their_own_over_what_all_share(tmp_path: Path) -> None:
    text = """rollout:
  traffic: replicas
  step: {samples: 50, minutes: 3}
  notify: [{kind: slack, url_env: A}]
  environments:
    staging: {namespace: staging, step: {minutes: 1}, notify: [], canary: [50]}
    production: {namespace: production, admission: {requires: [staging]}}
"""
    found = places(tmp_path, text)
    assert list(found) == ["staging", "production"]
    staging, production = found.values()
    assert (staging.namespace, production.namespace) == ("staging", "production")
    # Objects are laid over key by key, lists are replaced.
    assert (staging.step, production.step) == (r.Step(50, 1), r.Step(50, 3))
    assert (len(staging.notify), len(production.notify)) == (0, 1)
    assert (staging.canary, production.canary) == ((50,), (5, 25, 50))
    assert staging.traffic == production.traffic == "replicas"
    assert production.admission.requires == ("staging",)


@pytest.mark.parametrize(
    ("shares", "kept"), [("[5, 25, 50, 100]", (5, 25, 50)), ("[100]", ()), ("[1]", (1,)), ("[1, 99]", (1, 99))]
)
def test_all_of_the_traffic_is_the_bake_and_no_step(tmp_path: Path, shares: str, kept: tuple[int, ...]) -> None:
    assert places(tmp_path, f"rollout: {{canary: {shares}}}\n")["production"].canary == kept


@pytest.mark.parametrize("shares", ["[25, 5]", "[5, 5]", "[100, 5]", "[5, 100, 50]"])
def test_shares_rise(tmp_path: Path, shares: str) -> None:
    told, hint = problem(tmp_path, f"rollout: {{canary: {shares}}}\n")
    assert told == "agentops.yaml:5: canary: every share must be larger than the one before"
    assert hint == "[5, 25, 50]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rollout: {canary: [0, 5]}\n", "canary"),
        ("rollout: {canary: []}\n", "canary"),
        ("rollout: {trafic: splitter}\n", "unknown key 'trafic'; did you mean 'traffic'?"),
        ("rollout: {traffic: magic}\n", "'magic' is not one of"),
        ("rollout: {splitter: {image: 'envoy:latest'}}\n", "splitter.image"),
        ("rollout: {watchdog: {image: 'tool:latest'}}\n", "watchdog.image"),
        ("rollout: {deployment: 'Not_A_Name'}\n", "deployment"),
        ("rollout: {step: {samples: 0}}\n", "step.samples"),
        ("rollout: {bake_minutes: 0}\n", "bake_minutes"),
        ("rollout: {analysis: {margin: 0}}\n", "margin"),
        ("rollout: {analysis: {alpha: 0.5}}\n", "alpha"),
        ("rollout: {environments: {staging: {nmspace: x}}}\n", "unknown key 'nmspace'"),
        ("rollout: {shadow: {mode: replay}}\n", "shadow.mode replay needs sessions"),
        ("rollout: {shadow: {mode: replay, sessions: [s]}}\n", "shadow.mode replay needs `blocked`"),
        ("rollout: {shadow: {mode: mirror}}\n", "shadow.mode mirror needs `blocked`"),
        ("rollout: {timing: {lease_s: 10, renew_s: 6}}\n", "renew_s must be at most half of lease_s"),
        ("rollout: {analysis: {prometheus: {stale_s: 9}}}\n", "analysis.prometheus needs url or service"),
        (
            "rollout: {analysis: {prometheus: {url: 'http://a', service: 'a/b:1'}}}\n",
            "analysis.prometheus needs url or service",
        ),
        ("rollout: {analysis: {slos: [{name: s, promql: x, at_least: 1}]}}\n", "the objective s asks PromQL"),
        (PROMETHEUS + "{name: s, at_least: 1}]}}\n", "the objective s needs promql or url"),
        (PROMETHEUS + "{name: s, promql: x, url: 'http://a', value: v, at_least: 1}]}}\n", "needs promql or url"),
        (PROMETHEUS + "{name: s, url: 'http://a', at_least: 1}]}}\n", "the objective s needs `value`"),
        (PROMETHEUS + "{name: s, promql: x}]}}\n", "the objective s demands nothing"),
        (
            "rollout: {environments: {a: {admission: {requires: [b]}}}}\n",
            "admission.requires names 'b', which is no other environment",
        ),
        (
            "rollout: {environments: {a: {admission: {requires: [a]}}}}\n",
            "admission.requires names 'a', which is no other environment",
        ),
    ],
)
def test_what_cannot_be_meant_in_a_rollout(tmp_path: Path, text: str, said: str) -> None:
    told, _ = problem(tmp_path, text)
    assert said in told
    assert told.startswith("agentops.yaml:5")


def test_a_problem_of_an_environment_names_its_line(tmp_path: Path) -> None:
    text = "rollout:\n  environments:\n    staging: {}\n    production:\n      shadow: {mode: mirror}\n"
    told, _ = problem(tmp_path, text)
    assert told.startswith("agentops.yaml:8: shadow.mode mirror") or told.startswith("agentops.yaml:9: shadow.mode")
