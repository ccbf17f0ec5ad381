"""agentops in pytest: the cases of evalsets as tests, and a fixture `agent` for evals that are written in Python.

A stub: unless an option or the fixture asks for it, nothing else of the package is imported. docs/pytest.md tells how
it is used; `-p no:agentops` switches it off. What it reports is no gate: no criterion is decided.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentops.model.case import Case, CaseResult
    from agentops.stages.evals_session import Session
    from agentops.stages.evals_talk import Agent
    from agentops.stages.evals_up import Up

_DEFAULT_CONFIG = "agentops.yaml"
_PACK = "pack:"
_PREFIX = "agentops."
# What `-m` can select by, and pytest takes for the name of a mark.
_MARK = re.compile(r"[A-Za-z0-9][\w.+-]*")

_SESSION: pytest.StashKey[Session] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("agentops", "agentops: behavioural evals of an LLM agent")
    group.addoption(
        "--agentops", action="append", default=[], metavar="EVALSET", dest="agentops_suites",
        help="Run the cases of this evalset, of one case (EVALSET::ID) or of a pack (repeatable).",
    )  # fmt: skip
    group.addoption(
        "--agentops-config", metavar="FILE", default=None,
        help=f"The configuration that says how the agent runs (default: {_DEFAULT_CONFIG}).",
    )  # fmt: skip
    group.addoption("--agentops-url", metavar="URL", default=None, help="Ask an agent that is running there already.")
    group.addoption("--agentops-runs", metavar="N", type=int, default=None, help="Runs of each case.")
    group.addoption(
        "--agentops-environment", metavar="NAME", default=None,
        help="The environment of the configuration that says whether the agent may run without its container.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Read the evalsets that were asked for, before anything is collected or spent."""
    if config.option.help:
        return
    config.pluginmanager.register(_Summary(), "agentops-summary")
    if config.option.agentops_suites:
        config.pluginmanager.register(_Cases(config), "agentops-cases")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a configuration that the fixture cannot use before the first test runs."""
    config = session.config
    if config.option.collectonly or hasattr(config, "workerinput"):
        return  # a worker of pytest-xdist cannot refuse: there every test that asks is an error
    if any("agentops_session" in getattr(item, "fixturenames", ()) for item in session.items):
        _session(config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the agent, however the session ends."""
    found = session.config.stash.get(_SESSION, None)
    if found is not None:
        found.close()
        _on_sigterm(signal.default_int_handler, signal.SIG_DFL)


@pytest.fixture(scope="session")
def agentops_session(pytestconfig: pytest.Config) -> Session:
    """The agent under test, started once a session and shared with the cases of --agentops."""
    try:
        session = _session(pytestconfig)
    except pytest.UsageError as error:
        raise _error(str(error)) from None
    _open(session)
    return session


@pytest.fixture
def agent(agentops_session: Session, request: pytest.FixtureRequest) -> Iterator[Agent]:
    """The agent under test: agent.ask("..."), agent.conversation(), agent.check(reply, {"contains": "..."})."""
    from agentops.stages import evals_item, evals_talk

    running = _open(agentops_session)
    found = evals_talk.Agent(agentops_session)
    yield found
    models = sorted({reply.model for reply in found.replies if reply.model})
    request.node.user_properties += evals_item.of_replies(len(found.replies), models) + evals_item.of_agent(running)


class _Summary:
    """Adds up what the tests tell in their reports, those of other processes too."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, list[str]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a test kept."""
        if report.when != "teardown" or not report.user_properties:
            return
        kept: dict[str, list[str]] = {}
        for name, value in report.user_properties:
            if str(name).startswith(_PREFIX):
                kept.setdefault(name, []).append(str(value))
        if kept:
            # A test that another plug-in runs again tells the same again.
            self._told[report.nodeid] = kept

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The one line at the end."""
        if self._told:
            from agentops.stages import evals_item

            terminalreporter.write_line(evals_item.summary(list(self._told.values())))


class _Cases:
    """Collects the evalsets of the command line."""

    def __init__(self, config: pytest.Config) -> None:
        named = [str(name).partition("::") for name in config.option.agentops_suites]
        here = config.invocation_params.dir
        files = {name: here / name for name, _, _ in named if not name.startswith(_PACK)}
        session = _session(config, suites=[files.get(name, name) for name in dict.fromkeys(n for n, _, _ in named)])
        root, source = session.settings.root, str(_configuration(config) or "")
        self._suites: dict[str, list[Case]] = {}
        for suite in session.asked.suites:
            path = source if suite.path.startswith(_PACK) else root / suite.path
            self._suites.setdefault(os.path.realpath(path), []).extend(suite.cases)
        # Without paths of its own, the command line means the evalsets and nothing else.
        given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        taken = {os.path.realpath(here / arg.partition("::")[0]) for arg in given}
        wanted = [f"{files.get(name, source)}{colons}{case}" for name, colons, case in named]
        config.args = [*given, *(arg for arg in wanted if os.path.realpath(arg.partition("::")[0]) not in taken)]

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """An evalset that was asked for, or the configuration with the cases of packs."""
        cases = self._suites.get(os.path.realpath(file_path))
        return None if cases is None else _Evalset.from_parent(parent, path=file_path, cases=cases)


class _Evalset(pytest.File):
    """The cases of one file."""

    def __init__(self, *, cases: list[Case], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cases = cases

    def collect(self) -> Iterator[pytest.Item]:
        """A test a case, marked with its tags."""
        # Marks with arguments mean something to whoever registered them: a tag is no order to skip a case.
        lines = [str(line) for line in self.config.getini("markers")]
        taken = {line.partition("(")[0].strip() for line in lines if "(" in line.partition(":")[0]}
        known = {line.partition(":")[0].strip() for line in lines} | taken
        for case in self._cases:
            item = _Case.from_parent(self, name=case.id, case=case)
            item.extra_keyword_matches.update(case.tags)
            for tag in case.tags:
                if not _MARK.fullmatch(tag) or tag in taken:
                    continue
                if tag not in known:
                    self.config.addinivalue_line("markers", f"{tag}: cases with this tag")
                    known.add(tag)
                item.add_marker(tag)
            yield item


class _Case(pytest.Item):
    """One case. It is asked in the set-up, so that what could not be measured is an error, and judged in the call."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._case = case
        self._result: CaseResult | None = None

    def setup(self) -> None:
        """Ask the agent."""
        from agentops.model.outcome import Outcome
        from agentops.stages import evals_item

        super().setup()
        session = _session(self.config)
        running = _open(session)
        with _unmeasured():
            self._result = result = session.ask(self._case)
        self.user_properties[:] = evals_item.properties(result) + evals_item.of_agent(running)
        if result.outcome not in (Outcome.PASS, Outcome.FAIL):
            raise _error(evals_item.report(self._case, result, gone=session.gone))

    def runtest(self) -> None:
        """Hold the runs against the case's rule."""
        from agentops.model.outcome import Outcome
        from agentops.stages import evals_item

        result = self._result
        if result is None or result.outcome is not Outcome.PASS:
            told = "it was not asked" if result is None else evals_item.report(self._case, result)
            raise _error(told)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the case stands."""
        line = self._case.location.line
        return self.path, None if line is None else line - 1, self.name


def _configuration(config: pytest.Config) -> Path | None:
    """The configuration that was named, or the one that lies here or in the root folder."""
    here, name = config.invocation_params.dir, config.option.agentops_config
    if name is not None:
        return here / str(name)
    return next((p for f in (here, config.rootpath) if (p := f / _DEFAULT_CONFIG).is_file()), None)


def _session(config: pytest.Config, *, suites: list[Path | str] | None = None) -> Session:
    """The session's agent, not started yet. Raises pytest.UsageError for what cannot be meant."""
    found = config.stash.get(_SESSION, None)
    if found is not None:
        return found
    from agentops.errors import AgentopsError
    from agentops.stages import evals_item

    try:
        config.stash[_SESSION] = made = _made(config, suites or [])
    except AgentopsError as error:
        raise pytest.UsageError(evals_item.refusal(error)) from None
    return made


def _made(config: pytest.Config, suites: list[Path | str]) -> Session:
    from agentops.errors import UsageError
    from agentops.gate import policy
    from agentops.stages import evals_session

    option, path = config.option, _configuration(config)
    url = option.agentops_url
    if option.collectonly and path is None and url is None:
        url = "http://localhost"  # listing asks nobody
    if option.agentops_runs is not None and option.agentops_runs < 1:
        raise UsageError("--agentops-runs must be 1 or more", hint="leave it out for the configured number")
    if path is None and any(isinstance(suite, str) for suite in suites):
        raise UsageError("a pack is rendered for a configured agent", hint="name its file with --agentops-config")
    settings = evals_session.configured(path, here=config.invocation_params.dir, suites=suites, url=url)
    without_engine = "process"
    if option.agentops_environment is not None:
        allowance = policy.build(settings, option.agentops_environment).allowance
        without_engine = "process" if allowance.unmeasured_any or "build" in allowance.unmeasured else "error"
    session = evals_session.Session(
        settings, suites="all" if suites else "none", runs=option.agentops_runs, without_engine=without_engine
    )
    if not option.collectonly:
        session.check()
    return session


def _open(session: Session) -> Up:
    """The agent, up. One that does not start is an error of the test, told without a traceback."""
    _on_sigterm(signal.SIG_DFL, signal.default_int_handler)
    with _unmeasured():
        return session.open()


def _error(told: str) -> BaseException:
    """What pytest tells without a traceback."""
    return pytest.fail.Exception(told, pytrace=False)


@contextlib.contextmanager
def _unmeasured() -> Iterator[None]:
    """Tells what could not be measured as an error of the test."""
    from agentops.errors import AgentopsError, Interrupted
    from agentops.stages import evals_item

    try:
        yield
    except Interrupted:
        raise KeyboardInterrupt from None
    except AgentopsError as error:
        raise _error(evals_item.refusal(error)) from None


def _on_sigterm(old: Any, new: Any) -> None:
    """Let SIGTERM end the session as Ctrl-C does, and the agent with it, where nobody else takes care of it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is old:
        signal.signal(signal.SIGTERM, new)
