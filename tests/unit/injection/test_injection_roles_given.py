"""A text that begins with a role and is filled is a prompt in every language, whatever its name; own files are own."""

from __future__ import annotations

import pytest

from agentops.injection.engine import parse
from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.template import Assigned


@pytest.mark.parametrize(
    ("path", "text", "hole"),
    [
        ("a.ts", "export const p = (page) => `You are a kind clerk. Sum up the page:\\n${page}`", "page"),
        ("a.ts", "export const p = (page) => { return `You are a kind clerk. Sum up:\\n${page}` }", "page"),
        ("a.go", 'func f(m string) string {\n\treturn fmt.Sprintf("You are a kind clerk. The mail:\\n%s", m)\n}', "m"),
        (
            "a.go",
            "const sys = `You are the kind clerk. %s`\nfunc f(m string) {\n\tp := fmt.Sprintf(sys, m)\n"
            "\tllms.GenerateFromSinglePrompt(ctx, llm, p)\n}",
            "m",
        ),
        ("A.java", 'class A { String f(String m) { return "You are a kind clerk. Mail: " + m; } }', "m"),
        ("a.kt", 'fun f(m: String) = "You are a kind clerk. Mail: $m"', "m"),
        ("a.py", 'def f(m):\n    S = "You are a kind clerk."\n    return S + "\\n\\nUser says: " + m\n', "m"),
        ("a.py", 'msg = f"You are the clerk. Here it is: {m}"\n', "m"),
    ],
)
def test_a_filled_text_that_gives_a_role_is_a_prompt(path: str, text: str, hole: str):
    (found,) = parse(Source(path, text))
    assert [h.name for h in found.holes] == [hole]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.ts", "const error = `You are the owner of ${repo} and cannot leave it.`"),
        ("a.ts", "toast.info(`You are the owner of ${repo} and cannot leave it.`)"),
        ("a.ts", "const p = 'You are a kind clerk of this house.'"),
        ("a.py", 'error = f"You are the owner of {repo} and cannot leave"\n'),
        ("a.py", 'raise ValueError(f"You are the owner of {repo} and cannot leave")\n'),
    ],
)
def test_texts_for_people_and_unfilled_ones_are_none(path: str, text: str):
    assert not parse(Source(path, text))


def typescript(read: str) -> Assigned | None:
    text = f"const rules = {read};\nconst m = [{{role: 'system', content: 'You are kind. ' + rules}}];"
    return source_of("a.ts", text)


def python(read: str) -> Assigned | None:
    return source_of("a.py", f"rules = {read}\nm = [{{'role': 'system', 'content': 'You are kind. ' + rules}}]\n")


def source_of(path: str, text: str) -> Assigned | None:
    (found,) = parse(Source(path, text))
    (hole,) = found.holes
    return found.assigned.get(hole.name) or found.assigned.get(hole.name.split(".")[0])


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        ('fs.readFileSync("prompts/system.md", "utf8")', Kind.CONSTANT),
        ('fs.readFileSync("rules.txt", "utf8")', Kind.OPERATOR),
        ('fs.readFileSync(path.join(__dirname, "..", "rules.txt"), "utf8").trim()', Kind.OPERATOR),
        ('await readFile(new URL("./rules.txt", import.meta.url), { encoding: "utf8" })', Kind.OPERATOR),
        ('fs.readFileSync("uploads/rules.txt", "utf8")', Kind.THIRD_PARTY),
        ('fs.readFileSync("uploads/prompt.txt", "utf8")', Kind.THIRD_PARTY),
        ('fs.readFileSync("data/mail.txt", "utf8")', Kind.THIRD_PARTY),
        ('fs.readFileSync("/srv/rules.txt", "utf8")', Kind.THIRD_PARTY),
        ('fs.readFileSync(name, "utf8")', Kind.THIRD_PARTY),
        ('fs.readFileSync(path.join("rules", name), "utf8")', Kind.THIRD_PARTY),
        ('fs.readFileSync("rules.txt", "utf8") + fetch(url)', Kind.THIRD_PARTY),
    ],
)
def test_a_file_of_a_written_path_is_the_programs_own_in_typescript(read: str, kind: Kind):
    assigned = typescript(read)
    assert assigned is not None
    assert assigned.kind is kind


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        ('open("prompts/user.md").read()', Kind.CONSTANT),
        ('open("rules.txt").read()', Kind.OPERATOR),
        ('Path("rules.txt").read_text()', Kind.OPERATOR),
        ('(Path(__file__).parent / "texts" / "rules.txt").read_text(encoding="utf-8")', Kind.OPERATOR),
        ('open(os.path.join(os.path.dirname(__file__), "rules.txt")).read()', Kind.OPERATOR),
        ('open("downloads/rules.txt").read()', Kind.THIRD_PARTY),
        ('open("inbox/system.txt").read()', Kind.THIRD_PARTY),
        ('open("/srv/rules.txt").read()', Kind.THIRD_PARTY),
        ("open(name).read()", Kind.THIRD_PARTY),
        ('(Path("rules") / name).read_text()', Kind.THIRD_PARTY),
    ],
)
def test_a_file_of_a_written_path_is_the_programs_own_in_python(read: str, kind: Kind):
    assigned = python(read)
    assert assigned is not None
    assert assigned.kind is kind
