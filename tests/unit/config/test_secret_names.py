"""Which variables the configuration names as holding secrets: found wherever they stand, by every key there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from agentops.config import load
from agentops.config.secret_names import secret_names

CONFIG = """\
version: 1
agent:
  name: bot
  url: http://localhost:1
  auth_env: A_TOKEN
  canary_env: A_WORD
  secret_env: [PAYMENTS_KEY, MAIL_KEY]
  env: {LOG_LEVEL: info}
evals:
  suites: [s.yaml]
  judge: {base_url: "http://localhost:2", key_env: JUDGE_KEY}
  moderation: {url: "http://localhost:3", key_env: MODERATION_KEY}
  evidence: {key_env: EVIDENCE_KEY}
gate:
  - {metric: pass_rate, at_least: 0.85, confidence: 0.95}
rollout:
  deployment: bot
  shadow: {env: {MEMORY: none}}
  notify:
    - {kind: slack, url_env: SLACK_URL}
    - {kind: pagerduty, key_env: PAGER_KEY}
    - {kind: smtp, host: h, sender: s@x, to: [t@x], user: u, password_env: SMTP_PASSWORD}
  environments: {staging: {}, production: {notify: [{kind: webhook, url_env: OTHER_URL, key_env: OTHER_KEY}]}}
"""
NAMES = {
    "A_TOKEN", "A_WORD", "PAYMENTS_KEY", "MAIL_KEY", "JUDGE_KEY", "MODERATION_KEY", "EVIDENCE_KEY", "SLACK_URL",
    "PAGER_KEY", "SMTP_PASSWORD", "OTHER_URL", "OTHER_KEY",
}  # fmt: skip


def test_every_name_of_a_secret_is_found_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "agentops.yaml").write_text(CONFIG)
    settings, _ = load.load(tmp_path / "agentops.yaml")
    assert secret_names(settings) == NAMES
    assert secret_names(settings.rollout["production"]) == {"OTHER_URL", "OTHER_KEY"}


def test_no_key_of_the_schema_is_left_out_of_this_test() -> None:
    """A new key that names a variable has to be tried above."""
    schema = json.loads(resources.files("agentops.config.schemas").joinpath("config.schema.json").read_text())
    keys = {key for key in _properties(schema) if key.endswith("_env")}
    assert keys == {"auth_env", "canary_env", "secret_env", "key_env", "url_env", "password_env"}
    assert all(f"{key}:" in CONFIG for key in keys)


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        found = schema.get("properties")
        yield from found if isinstance(found, dict) else ()
        for inner in schema.values():
            yield from _properties(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _properties(inner)
