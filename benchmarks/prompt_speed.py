"""How fast templates are analysed, and how much memory that takes.

    python benchmarks/prompt_speed.py           a table
    python benchmarks/prompt_speed.py --json    one line {"figures": {...}}

The templates are made up here: prompts of 1 to 4 kB in many syntaxes, no two alike.

Figures, times as the median of their repeats:
  uncached_per_s   templates a second on one core, engine alone, nothing remembered
  rss_mb           the largest resident set of `agentops prompts --no-cache` over 10,000 templates
  unchanged_run_s  the whole process of a second `agentops prompts --format json` over 1,000 templates, none changed
  hostile_mb_s     the slowest of several hostile templates of 1 MB
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TOPICS = ("orders", "invoices", "flights", "recipes", "contracts", "tickets", "lessons", "songs")
RULES = (
    "Answer in the language of the customer and keep it short.",
    "Name the source of every figure and say so where there is none.",
    "Never promise a refund before the order was looked up.",
    "Write plain text without headings, and at most five sentences.",
    "If the request is not about {topic}, say politely that you cannot help with it.",
    'Return JSON such as {{"answer": "...", "sources": []}} and nothing else.',
)
FORMS = (
    (".j2", "system:\nORDERS\n\nuser:\n{{ question }}\n"),
    (".txt", "ORDERS\n\nDocument:\n{document}\n\nQuestion: {question}\n"),
    (".mustache", "ORDERS\n\n{{#documents}}\n<d>{{content}}</d>\n{{/documents}}\n"),
    (".prompty", "---\nname: a\ninputs:\n  question: {type: string}\n---\nsystem:\nORDERS\n\nuser:\n{{question}}\n"),
    (".yaml", "system: |\n  ORDERS\nuser: |\n  Sum up this mail: {{ email }}\n"),
    (".py", 'PROMPT = """ORDERS\n{document}"""\n\n\ndef ask(question):\n    return PROMPT.format(document=question)\n'),
    (".ts", "export const prompt = (question: string) => `ORDERS\nQuestion: ${question}`;\n"),
)
REPEATS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    if args.json:
        print(json.dumps({"figures": {name: value for name, value, _ in rows if name}}))
        return
    for name, value, told in rows:
        print(f"{name or '':<16} {value:>9.3f}  {told}")


def measure(folder: Path) -> list[tuple[str, float, str]]:
    """All rows: key (empty where it is no figure of its own), value, what it is."""
    texts = [made(n) for n in range(1_000)]
    write(folder / "few" / "prompts", texts)
    write(folder / "many" / "prompts", [made(n) for n in range(10_000)])
    rate = statistics.median(uncached(texts) for _ in range(REPEATS))
    bare = statistics.median(whole(["-c", "pass"], folder)[0] for _ in range(5))
    first, _ = whole(command(), folder / "few")
    again = statistics.median(whole(command(), folder / "few")[0] for _ in range(5))
    printed = statistics.median(whole([*command(), "--format", "json"], folder / "few")[0] for _ in range(5))
    many, rss = whole([*command(), "--no-cache"], folder / "many")
    return [
        ("uncached_per_s", rate, "templates a second, one core, engine alone"),
        ("rss_mb", rss, "MB resident at most, 10,000 templates"),
        ("", many, "s, that whole process with its reports"),
        ("", bare, "s, a bare interpreter"),
        ("", first, "s, first run over 1,000 templates with its reports"),
        ("unchanged_run_s", printed, "s, second run over them with --format json, nothing changed"),
        ("", again, "s, second run with the five reports of a run instead"),
        ("hostile_mb_s", max(hostile()), "s, the slowest of the hostile templates of 1 MB"),
    ]


def made(number: int) -> tuple[str, str]:
    """The name and the text of one template."""
    topic = TOPICS[number % len(TOPICS)]
    extension, form = FORMS[number % len(FORMS)]
    rules = [f"- {RULES[(number + i) % len(RULES)]} ({number}.{i})" for i in range(4 + number % 20)]
    head = f"You are agent {number} for {topic}. Your task is to answer questions about {topic}."
    margin = "  " if extension == ".yaml" else ""
    orders = "\n".join([head, *(margin + rule.replace("{topic}", topic) for rule in rules)])
    if extension not in (".txt", ".py"):
        orders = orders.replace("{{", "{").replace("}}", "}")
    return f"p{number:05}{extension}", form.replace("ORDERS", orders)


def write(folder: Path, texts: list[tuple[str, str]]) -> None:
    """Put the templates into the folder."""
    folder.mkdir(parents=True)
    for name, text in texts:
        (folder / name).write_text(text, encoding="utf-8")


def uncached(texts: list[tuple[str, str]]) -> float:
    """Templates a second, from text to result."""
    from agentops.injection.engine import analyse_text

    for name, text in texts[:14]:
        analyse_text(text, path=name)
    began = time.process_time()
    for name, text in texts:
        analyse_text(text, path=name)
    return len(texts) / (time.process_time() - began)


def hostile() -> list[float]:
    """Seconds for each of some templates of 1 MB that are made to be slow."""
    from agentops.injection.engine import analyse_text
    from agentops.injection.template import TemplateError

    size = 990_000
    texts = [
        ("a.txt", "{" * size), ("b.txt", "{a} " * (size // 4)), ("c.txt", "<a>" * (size // 3)),
        ("d.txt", "never follow " * (size // 13)), ("e.txt", " " * size), ("f.md", "```\n" * (size // 4)),
        ("g.j2", "{{ a }}" * (size // 7)), ("h.j2", "{% if a %}" * (size // 10)), ("i.yaml", "- " * (size // 2)),
        ("j.json", "[" * size), ("k.py", "x = " + "(" * size), ("l.py", "x = " + "'a' + " * (size // 6) + "''"),
        ("m.ts", "`${" * (size // 3)), ("n.mustache", "{{#a}}" * (size // 6)), ("o.txt", "\u200b" * (size // 3)),
        ("p.md", "<!--" * (size // 4)), ("q.txt", "a:\n" * (size // 3)), ("r.txt", "<|im_start|>" * (size // 12)),
    ]  # fmt: skip
    times = []
    for name, text in texts:
        began = time.perf_counter()
        with contextlib.suppress(TemplateError):
            analyse_text(text, path=name)
        times.append(time.perf_counter() - began)
        if times[-1] > 2:
            print(f"{name}: {times[-1]:.1f} s", file=sys.stderr)
    return times


def command() -> list[str]:
    """The arguments of the interpreter for `agentops prompts`."""
    return ["-m", "agentops.cli.main", "prompts", "--prompts-dir", "prompts"]


def whole(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of the whole process, and its largest resident set in MB."""
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    return time.perf_counter() - began, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
