"""The fixed texts of templates, for metrics that look for leaks of them."""

from __future__ import annotations

from pathlib import Path

from agentops.injection import fixed


def test_the_words_between_the_holes(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("system:\nYou are kind to {{ name }} and brief.\n\nuser:\n{{ question }}\n")
    (tmp_path / "b.yaml").write_text("system: Keep the secret.\nuser: '{{ question }}'\n")
    (tmp_path / "broken.j2").write_text("{% if %}")
    found = fixed.texts([Path()], root=tmp_path)
    assert any("You are kind to" in text and "and brief." in text for text in found)
    assert any("Keep the secret." in text for text in found)
    assert not any("question" in text for text in found)
