"""What `pip install -e .` is told: the modules it makes importable, and ranges that the tested versions lie in."""
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.test_house import imports

tomllib = pytest.importorskip("tomllib", reason="of Python 3.11 on")
ROOT = Path(__file__).parent.parent
TOLD = tomllib.loads((ROOT / "pyproject.toml").read_text())
HELD_BACK = {"aiobotocore", "boto3", "botocore", "python-dateutil"}            # pinned so that pip need not search


def pins(name):
    """The requirements that a file pins."""
    lines = (line.strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def test_ranges_hold_the_tested_versions():
    project = TOLD["project"]
    ranges = [Requirement(line) for lines in (project["dependencies"], *project["optional-dependencies"].values())
              for line in lines]
    tested = [pin for path in ROOT.glob("requirements*.txt") for pin in pins(path.name)]
    assert {one.name for one in ranges} == {pin.name for pin in tested} - HELD_BACK
    for one in ranges:
        versions = [next(iter(pin.specifier)).version for pin in tested if pin.name == one.name]
        assert versions and all(version in one.specifier for version in versions), one
    assert {pin.name for pin in pins("requirements-read.txt")} <= {Requirement(line).name
                                                                   for line in project["dependencies"]}


def test_what_can_be_imported_from_any_folder_finds_its_parts():
    modules = TOLD["tool"]["setuptools"]["py-modules"]
    assert {"ops", "resnet_tsm", "create_results"} == set(modules)
    own = {path.stem for path in ROOT.glob("*.py")} | {"tools", "tests"}
    rooms = [path for path in ROOT.glob("vtt_emotion/**/*.py")]
    for path in (*rooms, *(ROOT / f"{name}.py" for name in modules)):
        assert set(imports(path)) & own <= set(modules), path
