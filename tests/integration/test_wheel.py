"""What `pip install .` gives: the command, the schemas, nothing else."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(ROOT)]
    subprocess.run(pip, check=True)
    return next(out.glob("agentops_gate-*.whl"))


def test_the_wheel_carries_the_package_and_its_schemas(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for schema in ("config", "evalset", "run", "verdict", "script"):
        assert f"agentops/config/schemas/{schema}.schema.json" in names
    assert "agentops/py.typed" in names
    assert all(name.startswith(("agentops/", "agentops_gate-")) for name in names)
    entry = next(n for n in names if n.endswith("entry_points.txt"))
    assert "agentops = agentops.cli.main:main" in zipfile.ZipFile(wheel).read(entry).decode()


def test_a_fresh_environment_gets_the_command(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", ROOT / "locks/tool.txt"], check=True
    )
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    said = subprocess.run([tmp_path / "env/bin/agentops", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("agentops ")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/bad.txt").write_text("User input: {user_input}\n")
    done = subprocess.run(
        [tmp_path / "env/bin/agentops", "prompts", "--prompts-dir", "prompts"], cwd=tmp_path, check=False
    )
    assert done.returncode == 1
