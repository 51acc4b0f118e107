"""What lies where, and which way imports go; pyproject.toml has the rooms' contracts."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(path.stem for path in ROOT.glob("*.py") if path.stem not in ("ops", "resnet_tsm"))
TOOLS = sorted(path.stem for path in ROOT.glob("tools/*.py") if "def main(" in path.read_text())
ROOMS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("vtt_emotion/**/*.py"))


def imports(path):
    """The top-level modules that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize("name", [*SCRIPTS, *(f"tools/{name}" for name in TOOLS)])
def test_a_script_imports_no_script_and_does_nothing_when_imported(name):
    assert not set(imports(ROOT / f"{name}.py")) & set(SCRIPTS)
    tree = ast.parse((ROOT / f"{name}.py").read_text())
    command = f"    python -m {name.replace('/', '.')}" if "/" in name else f"    python {name}.py"
    assert ast.get_docstring(tree) and command in ast.get_docstring(tree)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert isinstance(tree.body[-1], ast.If) and "main" in functions


@pytest.mark.parametrize("path", sorted(ROOT.glob("tools/*.py")), ids=lambda path: path.stem)
def test_what_tools_share_imports_no_script(path):
    assert not set(imports(path)) & set(SCRIPTS)


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_no_script_and_no_tool(name):
    assert not set(imports(ROOT / name)) & {*SCRIPTS, "tools"}


def public_functions(node):
    """The functions of a module, and of its classes, whose names and classes' names are public."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef) and (inner.name[0] != "_" or inner.name.startswith("__")):
            yield inner
        elif isinstance(inner, ast.If) or (isinstance(inner, ast.ClassDef) and inner.name[0] != "_"):
            yield from public_functions(inner)


@pytest.mark.parametrize("name", ["ops.py", "resnet_tsm.py", *ROOMS])
def test_a_public_function_says_what_it_takes_and_returns(name):
    for function in public_functions(ast.parse((ROOT / name).read_text())):
        rest = [part for part in (function.args.vararg, function.args.kwarg) if part]
        taken = [part for part in (*function.args.args, *function.args.kwonlyargs, *rest)
                 if part.arg not in ("self", "cls")]
        assert function.returns and all(part.annotation for part in taken), f"{name}: {function.name}"


@pytest.mark.parametrize("name", ["ops", "resnet_tsm"])
def test_options_and_network_import_nothing_of_the_project(name):
    assert not set(imports(ROOT / f"{name}.py")) & {*SCRIPTS, "vtt_emotion", "tools", "ops", "resnet_tsm"}


def test_importing_changes_nothing_in_the_process():
    """Not how exceptions are said, nor signals handled, nor how many threads OpenCV has; that is a script's to do."""
    names = [*SCRIPTS, *(f"tools.{name}" for name in TOOLS),
             *(name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in ROOMS)]
    code = f"""
import importlib, signal, sys, cv2
def state():
    return sys.excepthook, cv2.getNumThreads(), *map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))
cv2.setNumThreads(2)
before = state()
for name in {names}:
    importlib.import_module(name)
    assert state() == before, name
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_top_level_fits_a_screen():
    """What git keeps there: scripts, options, network, rooms, and what is opened first."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = {line.split("/")[0] for line in listed.stdout.splitlines() if not line.startswith(".")}
    scripts = {f"{name}.py" for name in (*SCRIPTS, "ops", "resnet_tsm")}
    assert names - scripts - {"docs", "tests", "tools", "vtt_emotion", "weights"} == {
        "README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml",
        "requirements.txt", "requirements-read.txt", "requirements-export.txt", "requirements-cluster.txt"}
    assert len(names) < 40
