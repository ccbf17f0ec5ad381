"""The names behind the ids that rules carry: OWASP lists, MITRE ATLAS, CWE. Names only, no text of the lists."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.model.rule import RuleInfo

OWASP_LLM_2025 = {
    "LLM01": "Prompt Injection",
    "LLM02": "Sensitive Information Disclosure",
    "LLM03": "Supply Chain",
    "LLM04": "Data and Model Poisoning",
    "LLM05": "Improper Output Handling",
    "LLM06": "Excessive Agency",
    "LLM07": "System Prompt Leakage",
    "LLM08": "Vector and Embedding Weaknesses",
    "LLM09": "Misinformation",
    "LLM10": "Unbounded Consumption",
}
"""The OWASP Top 10 for LLM applications, 2025."""

OWASP_LLM_2026 = {
    "LLM01": "Prompt Injection",
    "LLM02": "Sensitive Information Disclosure",
    "LLM03": "Excessive Agency",
    "LLM04": "Supply Chain",
    "LLM05": "Data and Model Poisoning",
    "LLM06": "Unbounded Consumption",
    "LLM07": "Misinformation",
    "LLM08": "Hidden Context Exposure",
    "LLM09": "Vector and Embedding Weaknesses",
    "LLM10": "Improper Output Handling",
}
"""The same list as its project prepared it for 2026."""

OWASP_AGENTIC = {
    "ASI01": "Agent Goal Hijack",
    "ASI02": "Tool Misuse and Exploitation",
    "ASI03": "Identity and Privilege Abuse",
    "ASI04": "Agentic Supply Chain Vulnerabilities",
    "ASI05": "Unexpected Code Execution",
    "ASI06": "Memory & Context Poisoning",
    "ASI07": "Insecure Inter-Agent Communication",
    "ASI08": "Cascading Failures",
    "ASI09": "Human-Agent Trust Exploitation",
    "ASI10": "Rogue Agents",
}
"""The OWASP Top 10 for agentic applications, 2026."""

OWASP_MCP = {
    "MCP03": "Tool Poisoning",
    "MCP05": "Command Injection & Execution",
    "MCP06": "Intent Flow Subversion",
    "MCP10": "Context Injection & Over-Sharing",
}
"""The OWASP MCP list (beta), as far as rules refer to it."""

ATLAS = {
    "T0051.000": "LLM Prompt Injection: Direct",
    "T0051.001": "LLM Prompt Injection: Indirect",
    "T0053": "AI Agent Tool Invocation",
    "T0054": "LLM Jailbreak",
    "T0056": "Extract LLM System Prompt",
    "T0057": "LLM Data Leakage",
    "T0061": "LLM Prompt Self-Replication",
    "T0068": "LLM Prompt Obfuscation",
    "T0070": "RAG Poisoning",
    "T0077": "LLM Response Rendering",
    "T0080.000": "AI Agent Context Poisoning: Memory",
    "T0086": "Exfiltration via AI Agent Tool Invocation",
    "T0092": "Manipulate User LLM Chat History",
    "T0093": "Prompt Infiltration via Public-Facing Application",
    "T0099": "AI Agent Tool Data Poisoning",
    "T0110": "AI Agent Tool Poisoning",
}
"""Techniques of MITRE ATLAS, without the prefix "AML."."""

CWE = {
    74: "Improper Neutralization of Special Elements in Output Used by a Downstream Component",
    77: "Improper Neutralization of Special Elements used in a Command",
    94: "Improper Control of Generation of Code",
    116: "Improper Encoding or Escaping of Output",
    798: "Use of Hard-coded Credentials",
    1426: "Improper Validation of Generative AI Output",
    1427: "Improper Neutralization of Input Used for LLM Prompting",
}
"""The weaknesses that rules refer to, by number."""


def named(rule: RuleInfo) -> Iterator[tuple[str, str]]:
    """Each id of the rule as its tag, with its name, in the order of `RuleInfo.tags`. "" where a name is not known."""
    names = (
        *(OWASP_LLM_2025.get(i, "") for i in rule.owasp),
        *(OWASP_LLM_2026.get(i, "") for i in rule.owasp_2026),
        *(OWASP_AGENTIC.get(i, "") for i in rule.asi),
        *(OWASP_MCP.get(i, "") for i in rule.mcp),
        *(ATLAS.get(i, "") for i in rule.atlas),
        *(CWE.get(i, "") for i in rule.cwe),
    )
    yield from zip(rule.tags, names, strict=True)
