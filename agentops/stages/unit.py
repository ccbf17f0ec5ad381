"""Run the agent's own test suite: in the image that was built, or with the agent's own interpreter."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentops import text
from agentops.contracts import Bench
from agentops.drivers import archive, image, process, testreport
from agentops.drivers.instance import Container, exit_words
from agentops.drivers.spec import ContainerSpec
from agentops.errors import AgentopsError, ConfigError, Interrupted, MeasurementError, Unavailable
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, StageError, StageResult
from agentops.model.settings import Agent, Unit
from agentops.stages.build import build_request

_LOG = "unit.log"
_BUILD_LOG = "unit-build.log"
_REPORT = "unit.xml"
_OUT = "/agentops-out"
# Where agentops is installed beside the agent, its pytest plug-in stays out of the agent's own tests.
_WITHOUT_US = "-p no:agentops"
_OUTSIDE = "unit tests ran outside the image"
_NO_REPORT_HINT = (
    "the command must run pytest, which is told by PYTEST_ADDOPTS where to write its report; "
    "a --junitxml of the command's own hides it"
)


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a run of the suite left behind. `ended` says how, to follow "the tests"; `in_image` is None where nothing
    ran."""

    report: bytes | None
    output: str
    code: int | None
    ended: str
    notices: tuple[str, ...] = ()
    tools: Mapping[str, str] | None = None
    in_image: bool | None = None


class UnitStage:
    """Judged by the JUnit report.

    An exit code alone proves nothing; one that contradicts a green report is an error.
    """

    def __init__(self, unit: Unit, agent: Agent, root: Path) -> None:
        self._unit = unit
        self._agent = agent
        self._root = root

    @property
    def name(self) -> str:
        """ "unit"."""
        return "unit"

    @property
    def after(self) -> tuple[str, ...]:
        """The image comes first."""
        return ("build",)

    def plan(self) -> str:
        """What is run where. Raises ConfigError for an interpreter that is missing or is agentops' own."""
        unit = self._unit
        if not unit.command:
            raise ConfigError("unit.command is empty", hint="e.g. [pytest, tests/]")
        if unit.where == "process" and unit.python is None:
            raise ConfigError(
                "unit.python is needed to run the tests in a process", hint="name the agent's interpreter"
            )
        if unit.target is not None and self._agent.build is None:
            raise ConfigError("unit.target needs agent.build", hint="an image that is not built here has no targets")
        if unit.python is not None:
            self._refuse_own(must_exist=unit.where == "process")
        where = f"with {unit.python}" if unit.where == "process" else "in the image"
        return f"run {shlex.join(unit.command)} {where}"

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:
        """Run the suite once. Failing tests are checks and `tests_failed`; what could not be measured is an error."""
        ran = _Ran(None, "", None, "did not run")
        try:
            ran = self._measure(bench, done)
            result = self._judge(ran)
        except MeasurementError as error:
            trouble = StageError(error.message, error.hint, unavailable=isinstance(error, Unavailable))
            result = StageResult(
                name=self.name, outcome=Outcome.ERROR, counts=Counts(0, 0, unit="tests"), errors=(trouble,)
            )
        logs = tuple(log for log in (_BUILD_LOG, _LOG) if (bench.out / log).is_file())
        return replace(
            result,
            notices=ran.notices,
            containerised=ran.in_image,
            tools=ran.tools or {},
            logs=logs,
        )

    def _measure(self, bench: Bench, done: Mapping[str, StageResult]) -> _Ran:
        if self._unit.where == "process":
            return self._in_process(bench)
        build = done.get("build")
        image_id = build.subject.image_id if build is not None and build.subject is not None else None
        if build is not None and build.outcome is Outcome.PASS and image_id:
            return self._in_image(bench, image_id)
        if self._unit.python is not None:
            return self._in_process(bench)
        if build is None or build.outcome is Outcome.SKIPPED:
            raise MeasurementError(
                "unit needs the image, and this run has none", hint="configure agent.build or unit.python"
            )
        missing = bool(build.errors) and all(error.unavailable for error in build.errors)
        kind = Unavailable if missing else MeasurementError
        raise kind(
            "unit needs the image, and the build failed",
            hint="mend the build, or name the agent's own interpreter as unit.python",
        )

    # In the image

    def _in_image(self, bench: Bench, image_id: str) -> _Ran:
        from agentops.drivers.container import Engine

        limits = self._agent.limits
        with Engine.connect() as engine:
            measured = engine.inspect(image_id)
            if measured is None:
                raise MeasurementError(f"the engine no longer has the image {image_id}")
            tested = measured
            if self._unit.target is not None and self._agent.build is not None:
                name = f"{image.repository(self._agent.name)}:unit"
                request = build_request(self._agent.build, self._root, bench, tag=name, target=self._unit.target)
                tested = engine.build(request, log=bench.out / _BUILD_LOG, cancel=bench.cancel)
                _prove(tested, measured, self._unit.target)
            options = f"{tested.env.get('PYTEST_ADDOPTS', '')} {_WITHOUT_US} --junitxml={_OUT}/{_REPORT}".strip()
            spec = ContainerSpec(
                image=tested.id,
                run_id=bench.run_id,
                memory_bytes=limits.memory_bytes,
                cpus=limits.cpus,
                pids=limits.pids,
                command=self._unit.command,
                program=True,
                env={"PYTEST_ADDOPTS": options},
                read_only=False,
            )
            container = engine.create(spec)
            try:
                return replace(self._watch(container, bench), tools={"docker": engine.info()["docker"]})
            finally:
                container.remove()

    def _watch(self, container: Container, bench: Bench) -> _Ran:
        container.put("/", archive.open_directory(_OUT.strip("/")))
        container.start()
        try:
            state = container.wait(self._unit.timeout_s, cancel=bench.cancel)
        except MeasurementError:
            output = _save(container, bench)
            raise MeasurementError(
                f"the unit tests took longer than {self._unit.timeout_s:g} s and were stopped",
                hint=_last_lines(output, "raise unit.timeout_s"),
            ) from None
        except Interrupted:
            _save(container, bench)
            raise
        output = _save(container, bench)
        packed = container.fetch(f"{_OUT}/{_REPORT}", limit_bytes=testreport.LIMIT_BYTES + 2**20)
        report = archive.only_file(packed, limit_bytes=testreport.LIMIT_BYTES) if packed is not None else None
        notices = (f"the container of the unit tests {state.sentence}",) if state.oom_killed else ()
        return _Ran(report, output, state.exit_code, state.sentence, notices, in_image=True)

    # In a process

    def _in_process(self, bench: Bench) -> _Ran:
        self._refuse_own(must_exist=True)
        report = bench.out / _REPORT
        report.unlink(missing_ok=True)
        argv = self._argv()
        env = process.clean_env({"PYTEST_ADDOPTS": f"{_WITHOUT_US} --junitxml={shlex.quote(str(report.absolute()))}"})
        try:
            done = process.run(argv, cwd=self._root, env=env, timeout_s=self._unit.timeout_s, cancel=bench.cancel)
        except Unavailable as error:
            # The user named the program: what is missing is no instrument of ours.
            raise MeasurementError(error.message, hint=error.hint) from None
        output = done.stdout + done.stderr
        (bench.out / _LOG).write_text(output, encoding="utf-8")
        found = testreport.read_file(report)
        return _Ran(found, output, done.code, exit_words(done.code), (_OUTSIDE,), in_image=False)

    def _argv(self) -> list[str]:
        """The command with the agent's interpreter in place of a leading `python` or `pytest`."""
        first, *rest = self._unit.command
        python = self._python()
        if first in ("python", "python3"):
            return [python, *rest]
        if first in ("pytest", "py.test"):
            return [python, "-m", "pytest", *rest]
        return [first, *rest]

    def _python(self) -> str:
        """The interpreter; with a slash in it, relative to the project's folder. Links are kept: they make the venv."""
        python = self._unit.python or ""
        return os.path.abspath(self._root / python) if "/" in python else python  # noqa: PTH100

    def _refuse_own(self, *, must_exist: bool) -> None:
        python = self._python()
        try:
            said = process.run(
                [python, "-I", "-c", "import sys; print(sys.prefix)"],
                cwd=self._root,
                env=process.clean_env(),
                timeout_s=30.0,
            )
            prefix = said.stdout.strip()
        except AgentopsError as error:
            if not must_exist:
                return
            raise ConfigError(f"unit.python: {error.message}", hint="name the agent's own interpreter") from None
        if said.code != 0 or not prefix:
            raise ConfigError(f"unit.python: {self._unit.python} is no Python interpreter")
        if Path(prefix).resolve() == Path(sys.prefix).resolve():
            raise ConfigError(
                f"unit.python: {self._unit.python} is the environment that agentops itself runs in",
                hint="give the agent an environment of its own and name its interpreter",
            )

    # The verdict on what was measured

    def _judge(self, ran: _Ran) -> StageResult:
        if ran.report is None:
            raise MeasurementError(
                f"the unit tests left no report: the command {ran.ended}", hint=_last_lines(ran.output, _NO_REPORT_HINT)
            )
        checks = testreport.read(ran.report)
        if not checks:
            raise MeasurementError(
                f"no tests found: the command {ran.ended}", hint=_last_lines(ran.output, "correct unit.command")
            )
        skipped = [check for check in checks if check.outcome is Outcome.SKIPPED]
        failed = sum(check.outcome in (Outcome.FAIL, Outcome.ERROR) for check in checks)
        errors = _contradictions(ran, tests=len(checks), skipped=len(skipped), failed=failed)
        return StageResult(
            name=self.name,
            outcome=Outcome.ERROR if errors else Outcome.PASS,
            counts=Counts(
                planned=len(checks),
                measured=len(checks) - len(skipped),
                unit="tests",
                skipped=tuple(_skipped(check) for check in skipped),
            ),
            checks=checks,
            errors=errors,
            values={"tests": float(len(checks)), "tests_failed": float(failed)},
        )


def _contradictions(ran: _Ran, *, tests: int, skipped: int, failed: int) -> tuple[StageError, ...]:
    if tests == skipped:
        return (StageError(f"all {tests} tests were skipped: nothing was measured"),)
    if not failed and ran.code != 0:
        # A run that broke off half-way reports the tests before as passed.
        said = f"no test in the report failed, but the command {ran.ended}"
        return (StageError(said, _last_lines(ran.output, "the run may have broken off before its end")),)
    return ()


def _prove(tested: image.Image, measured: image.Image, target: str) -> None:
    if not tested.stands_on(measured):
        raise MeasurementError(
            f"the image of target {target} is not built on the measured image: its tests would prove nothing about it",
            hint=f"let target {target} begin with `FROM` the agent's target, and COPY only the tests on top",
        )


def _save(container: Container, bench: Bench) -> str:
    with contextlib.suppress(MeasurementError):
        return container.save_logs(bench.out / _LOG)
    return ""


def _skipped(check: Check) -> str:
    name = f"{check.group}::{check.name}" if check.group else check.name
    return text.one_line(f"{name}: {check.message}" if check.message else name)


def _last_lines(output: str, hint: str) -> str:
    last = text.tail(output, 15, 2000)
    return f"{hint}. The last lines:\n{last}" if last else hint
