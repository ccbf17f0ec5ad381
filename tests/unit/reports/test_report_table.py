"""The table of reports: every line leads to a function, and nothing heavy is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from rich_run import rich_run, rich_verdict

from agentops.errors import UsageError
from agentops.reports import TABLE, find, load


@pytest.mark.parametrize("name", [report.name for report in TABLE])
def test_every_report_in_the_table_can_be_written(name: str) -> None:
    assert load(name)(rich_run(), rich_verdict()).endswith("\n")


@pytest.mark.parametrize(("value", "word"), [(True, "yes"), (False, "no"), (None, "agent not started")])
def test_every_readable_report_says_whether_the_agent_ran_in_a_container(value: bool | None, word: str) -> None:
    run = replace(rich_run(), containerised=value)
    for name in ("console", "markdown"):
        assert f"containerised: {word}" in load(name)(run, rich_verdict())
    assert f'name="agentops.containerised" value="{word}"' in load("junit")(run, rich_verdict())


def test_an_unknown_report_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'html'") as caught:
        find("html")
    assert "console, junit, markdown, json, verdict" in caught.value.hint


def test_the_package_and_the_console_load_nothing_heavy() -> None:
    heavy = "rich junit_xml jsonschema xml.etree agentops.reports.junit agentops.reports.markdown"
    code = "import sys, agentops.reports.console; print([m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *heavy.split()], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
