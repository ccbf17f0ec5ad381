"""What is told about a rule: by `agentops explain`, in the docs and in SARIF."""

from __future__ import annotations

from dataclasses import dataclass

from agentops.model.finding import Severity


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule's texts and its ids in the public lists.

    `what` it finds, `why` that matters and the `remedy` are a sentence or two each; `example` is a short text that has
    the fault. `owasp` are ids of the OWASP LLM list of 2025, `owasp_2026` of the one of 2026, `asi` of the OWASP
    agentic list of 2026, `mcp` of the OWASP MCP list, `atlas` of MITRE ATLAS (without "AML."), `cwe` numbers.
    """

    id: str
    title: str
    severity: Severity
    what: str
    why: str
    example: str
    remedy: str
    owasp: tuple[str, ...] = ()
    owasp_2026: tuple[str, ...] = ()
    asi: tuple[str, ...] = ()
    mcp: tuple[str, ...] = ()
    atlas: tuple[str, ...] = ()
    cwe: tuple[int, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """All ids as tags: `OWASP-LLM01:2025`, `ASI01:2026`, `AML.T0051.001`, `CWE-1427`."""
        return (
            *(f"OWASP-{i}:2025" for i in self.owasp),
            *(f"OWASP-{i}:2026" for i in self.owasp_2026),
            *(f"{i}:2026" for i in self.asi),
            *(f"OWASP-{i}" for i in self.mcp),
            *(f"AML.{i}" for i in self.atlas),
            *(f"CWE-{i}" for i in self.cwe),
        )
