"""The scan of Python code with bandit, run as a process and judged by its report.

bandit returns 0 when a file cannot be parsed or read, takes orders from a `.bandit` file in the tree that it scans,
drops a check that cannot be loaded without a word, and logs a check that crashed while the file counts as scanned.
So: the files are listed here and named one by one, its configuration is ours, a control file must trigger known
checks, and what its report does not account for is an error.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentops import text
from agentops.drivers import process
from agentops.errors import MeasurementError
from agentops.model.finding import Confidence, Finding, Location, Severity, fingerprint
from agentops.model.run import Counts, StageError
from agentops.scans import tool as tools
from agentops.scans.result import ScanResult
from agentops.scans.sources import Sources, is_test, shown

_ARGUMENT_BYTES = 96 * 1024  # Far below the 128 KiB that Linux allows for one argument list at the strictest.
_SEVERITY = {"LOW": Severity.LOW, "MEDIUM": Severity.MEDIUM, "HIGH": Severity.HIGH, "UNDEFINED": Severity.MEDIUM}
_CONFIDENCE = {
    "LOW": Confidence.LOW, "MEDIUM": Confidence.MEDIUM, "HIGH": Confidence.HIGH, "UNDEFINED": Confidence.LOW,
}  # fmt: skip

# One line a check, from different modules of bandit. If one is silent, bandit is not whole.
_CONTROL = """\
import pickle, requests, subprocess, yaml
exec(text)
eval(text)
pickle.loads(data)
password = "abcdefgh"
requests.get(url, verify=False)
yaml.load(text)
subprocess.Popen(text, shell=True)
cursor.execute("SELECT * FROM t WHERE a = '%s'" % text)
"""
_CONTROL_RULES = frozenset({"B102", "B105", "B113", "B301", "B307", "B501", "B506", "B602", "B608"})


@dataclass(frozen=True, slots=True)
class _Batch:
    findings: tuple[Finding, ...]
    errors: tuple[StageError, ...]
    scanned: frozenset[str]
    asserts_in_tests: int


def scan(
    sources: Sources,
    *,
    root: Path,
    out: Path,
    timeout_s: float = 600.0,
    cancel: threading.Event | None = None,
    tool: Sequence[str] | None = None,
) -> ScanResult:
    """Run bandit over the files; its reports stay in `out`. `tool` is the command that starts bandit.

    Raises Unavailable when bandit is not installed, MeasurementError when it gives no usable report or takes longer
    than `timeout_s` in all, Interrupted when `cancel` is set. A file that was not scanned is an error in the result.
    """
    out.mkdir(parents=True, exist_ok=True)
    batches = list(_batches(sources.files))
    deadline = time.monotonic() + timeout_s
    done: list[_Batch] = []
    logs = []
    for number, files in enumerate(batches, 1):
        report = out / ("bandit.json" if len(batches) == 1 else f"bandit-{number}.json")
        left_s = max(deadline - time.monotonic(), 0.0)
        done.append(_run(files, report, root=root, timeout_s=left_s, cancel=cancel, tool=tool))
        logs.append(report.name)
    asserts = sum(b.asserts_in_tests for b in done)
    skipped = sources.skipped + ((f"findings of B101 (assert) in test files: {asserts}",) if asserts else ())
    measured = len(frozenset().union(*(b.scanned for b in done)))
    return ScanResult(
        counts=Counts(planned=len(sources.files), measured=measured, unit="files", skipped=skipped),
        findings=_told_apart([f for b in done for f in b.findings]),
        errors=tuple(e for b in done for e in b.errors),
        tools={"bandit": tools.version("bandit")},
        logs=tuple(logs),
    )


def _batches(files: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    batch: list[Path] = []
    size = 0
    for path in files:
        length = len(str(path).encode("utf-8", "surrogateescape")) + 1
        if batch and size + length > _ARGUMENT_BYTES:
            yield tuple(batch)
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield tuple(batch)


def _run(
    files: Sequence[Path],
    report: Path,
    *,
    root: Path,
    timeout_s: float,
    cancel: threading.Event | None,
    tool: Sequence[str] | None,
) -> _Batch:
    report.unlink(missing_ok=True)  # A report of an earlier run must not stand in for this one.
    with tempfile.TemporaryDirectory(dir=report.parent, prefix=".bandit-") as work:
        ini, control = Path(work, "empty.ini"), Path(work, "control")
        ini.write_text("[bandit]\n", encoding="utf-8")
        control.write_text(_CONTROL, encoding="utf-8")
        control = control.resolve()
        argv = [
            *(tool or tools.python_module("bandit")), "--quiet", "--format", "json", "--output", str(report.resolve()),
            "--ini", str(ini.resolve()), "--ignore-nosec", "--number", "1", "--exclude", "",
            "--", str(control), *(str(f) for f in files),
        ]  # fmt: skip
        # An empty folder: nothing that lies in the scanned tree can be imported or read as configuration.
        finished = process.run(argv, cwd=Path(work), env=process.clean_env(), timeout_s=timeout_s, cancel=cancel)
    tools.refuse_missing(finished, module="bandit", name="bandit")
    data = tools.read_report(report, name="bandit", finished=finished)
    try:
        return _read(data, files=files, control=str(control), root=root, finished=finished)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"it lacks or garbles {text.one_line(str(error), 80)}"
        raise tools.unreadable("bandit", why, finished) from None


def _read(
    data: dict[str, Any], *, files: Sequence[Path], control: str, root: Path, finished: process.Finished
) -> _Batch:
    asked = {str(f) for f in files}
    failed = {str(e["filename"]): str(e["reason"]) for e in data["errors"]}
    scanned = frozenset(set(data["metrics"]) - set(failed)) & asked
    results = data["results"]
    _check_control([r for r in results if r["filename"] == control])
    own = [r for r in results if r["filename"] != control]
    strange = next((r["filename"] for r in own if r["filename"] not in asked), None)
    if strange is not None:
        raise tools.unreadable("bandit", f"it speaks of {text.one_line(str(strange))}, never asked for", finished)
    asserts = [r for r in own if r["test_id"] == "B101" and is_test(shown(r["filename"], root))]
    findings = tuple(_finding(r, root) for r in own if r not in asserts)
    errors = [_unscanned(path, reason, root) for path, reason in sorted(failed.items())]
    missed = sorted(asked - scanned - set(failed))
    errors += [_unscanned(path, "it is not in bandit's report", root) for path in missed]
    errors += _logged(finished.stderr, known=bool(failed))
    return _Batch(findings, tuple(errors), scanned, len(asserts))


def _check_control(results: list[dict[str, Any]]) -> None:
    silent = sorted(_CONTROL_RULES - {r["test_id"] for r in results})
    if silent:
        raise MeasurementError(
            f"bandit does not find what it must find: {', '.join(silent)} said nothing about a control file",
            hint="checks of this bandit are missing or broken: reinstall it",
        )


def _unscanned(path: str, reason: str, root: Path) -> StageError:
    hint = "exclude it under code.exclude if it is no code of the agent"
    if "syntax error" in reason:
        hint = "mend it, run agentops with a Python at least as new as the code, or exclude it under code.exclude"
    return StageError(f"{shown(path, root)} was not scanned: {text.one_line(reason)}", hint=hint)


def _logged(stderr: str, *, known: bool) -> list[StageError]:
    """A check that crashed stands in the log alone; that of a whole file is among the report's errors already."""
    lines = [line for line in text.clean(stderr).splitlines() if "\tERROR\t" in line]
    if known:
        lines = [ln for ln in lines if "Exception occurred when executing" not in ln and "--debug" not in ln]
    return [
        StageError(
            "a check of bandit failed: " + text.one_line(line.split("\tERROR\t", 1)[1], 300),
            hint="the file counts as scanned, that check did not run to its end: update bandit or exclude the file",
        )
        for line in lines
    ]


def _finding(result: dict[str, Any], root: Path) -> Finding:
    rule, path, line = str(result["test_id"]), shown(result["filename"], root), int(result["line_number"])
    return Finding(
        rule=rule,
        severity=_SEVERITY[result["issue_severity"]],
        confidence=_CONFIDENCE[result["issue_confidence"]],
        message=text.one_line(str(result["issue_text"]), 300),
        location=Location(path, line, int(result["col_offset"]) + 1),
        fingerprint=fingerprint(rule, path, _code_line(str(result["code"]), line)),
        hint=f"see {text.one_line(str(result['more_info']))}",
    )


def _code_line(code: str, line: int) -> str:
    """The line itself out of bandit's excerpt, in which every line starts with its number."""
    match = re.search(rf"^{line} (.*)$", code, flags=re.MULTILINE)
    return match.group(1) if match else re.sub(r"^\d+ ", "", code, flags=re.MULTILINE)


def _told_apart(findings: list[Finding]) -> tuple[Finding, ...]:
    """The same line twice in one file is two findings: a waiver for one must not cover a later copy."""
    seen: Counter[str] = Counter()
    told = []
    for finding in findings:
        seen[finding.fingerprint] += 1
        count = seen[finding.fingerprint]
        if count > 1:
            mark = fingerprint(finding.rule, finding.location.path, f"{finding.fingerprint} {count}")
            told.append(replace(finding, fingerprint=mark))
        else:
            told.append(finding)
    return tuple(told)
