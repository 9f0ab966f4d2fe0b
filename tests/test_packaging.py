"""Pins, environment.yml and pyproject.toml agree; what is installed starts."""

import json
import re
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import entry_points, requires
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
NAME = "compression-workbench"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUN = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
DEV = [Requirement(line) for line in PROJECT["project"]["optional-dependencies"]["dev"]]
BUILD = [Requirement(line) for line in PROJECT["dependency-groups"]["build"]]
REGISTRY = re.compile(
    r"https?://[\w.-]*(pypi|pythonhosted|npmjs|debian\.org|conda\.anaconda)"
    r"|--(extra-)?index-url|--find-links"
)
BINARY = {".gz", ".h5", ".keras", ".npz", ".png", ".tflite"}
THIS = "tests/test_packaging.py"


def pins(name: str) -> list[Requirement]:
    """The pinned requirements of one compiled file, without their hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    return [
        Requirement(line.rstrip("\\ "))
        for line in text.splitlines()
        if line and not line.startswith(("#", " "))
    ]


def version_of(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return specifier.version


def written(folder: str) -> set[str]:
    """Files below a folder of the repository that a person wrote."""
    left_by_running = {"__pycache__", ".ipynb_checkpoints"}
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not left_by_running & set(path.parts)
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("run", RUN),
        ("conda", RUN),
        ("dev", [*RUN, *DEV, *BUILD]),
        ("build", BUILD),
    ],
)
def test_every_declared_dependency_is_pinned(
    name: str, declared: list[Requirement]
) -> None:
    pinned: dict[str, list[str]] = {}
    for pin in pins(name):
        pinned.setdefault(canonicalize_name(pin.name), []).append(version_of(pin))
    for requirement in declared:
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not in requirements/{name}.txt"
        assert all(requirement.specifier.contains(version) for version in versions)


@pytest.mark.parametrize("name", ["run", "conda", "build"])
def test_compiled_files_pin_the_same_versions(name: str) -> None:
    assert {str(pin) for pin in pins(name)} <= {str(pin) for pin in pins("dev")}


def test_hashed_files_hash_every_pin() -> None:
    for name in ("run", "dev", "build"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
        blocks = re.split(r"\n(?=\S)", text)
        unhashed = [
            block for block in blocks if "==" in block and "--hash=sha256:" not in block
        ]
        assert unhashed == []


def test_environment_lists_what_pyproject_declares() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, section = environment["dependencies"]
    assert python == f"python{PROJECT['project']['requires-python']}"
    assert pip == "pip"
    constraint, *names, project = section["pip"]
    assert constraint == "--constraint requirements/conda.txt"
    assert project == "--editable ."
    listed = [(line.name, str(line.marker)) for line in map(Requirement, names)]
    assert listed == [(line.name, str(line.marker)) for line in RUN]


def test_requirements_of_the_card_are_declared() -> None:
    names = {line.name for line in RUN}
    assert names >= {"jupyterlab", "ipywidgets", "tensorflow", "numpy", "plotly"}
    assert "voila" in names


def test_installed_metadata_matches_pyproject() -> None:
    installed = {str(Requirement(line)).lower() for line in requires(NAME) or []}
    assert {str(line).lower() for line in RUN} <= installed


def test_exactly_one_tensorflow_on_every_platform() -> None:
    lines = [line for line in RUN if line.name.startswith("tensorflow")]
    platforms = [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
        ("win32", "AMD64", "tensorflow-cpu"),
    ]
    for system, machine, expected in platforms:
        here = {"sys_platform": system, "platform_machine": machine}
        chosen = [
            line.name for line in lines if line.marker and line.marker.evaluate(here)
        ]
        assert chosen == [expected]


def test_no_registry_address_in_any_file(built: Path) -> None:
    # A source distribution holds what git does, and needs no git to make.
    (archive,) = built.glob("*.tar.gz")
    found: list[str] = []
    seen = 0
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = member.name.partition("/")[2]
            content = tar.extractfile(member)
            if content is None or Path(name).suffix in BINARY or name == THIS:
                continue
            seen += 1
            if REGISTRY.search(content.read().decode()):
                found.append(name)
    assert found == []
    assert seen > len(list((ROOT / "requirements").iterdir()))


def test_console_script_resolves() -> None:
    (script,) = entry_points(group="console_scripts", name="workbench")
    assert callable(script.load())


def test_import_is_light() -> None:
    code = "import json, sys, workbench; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    heavy = {"tensorflow", "keras", "plotly", "ipywidgets", "anywidget", "numba"}
    assert loaded & heavy == set()


def test_public_names_load() -> None:
    import workbench

    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = workbench.no_such_name


def test_wheel_holds_the_package_data_and_the_notebooks(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    lessons = {f"workbench/{name}" for name in written("notebooks")}
    assert packed == written("workbench") | lessons
