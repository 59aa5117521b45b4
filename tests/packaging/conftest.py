"""Build the distributions once, install them outside the checkout, run Python there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

# A distribution of its own, imported where it is installed; pytest would look into it
# for examples in docstrings.
collect_ignore = ["third_party"]

LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "build", "dist", "htmlcov", "out", "*.egg-info"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder; keep them in one worker of pytest-xdist."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.packaging)
            if item.config.pluginmanager.hasplugin("xdist"):
                item.add_marker(pytest.mark.xdist_group("packaging"))


@dataclass(frozen=True)
class Distributions:
    """The two files that `python -m build` makes."""

    sdist: Path
    wheel: Path

    def in_wheel(self) -> dict[str, bytes]:
        """Return what the wheel holds: contents by path."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def in_sdist(self) -> set[str]:
        """Return the paths of the sdist's files, without its top folder."""
        with tarfile.open(self.sdist) as archive:
            files = [member.name for member in archive if member.isfile()]
        return {name.partition("/")[2] for name in files}


def run(*command: str | Path, cwd: Path, paths: tuple[Path, ...] = ()) -> str:
    """Run a command outside the checkout; return what it prints, fail with it."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UNIFIEDML_", "COV_", "COVERAGE_", "PYTEST_"))
    }
    variables["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    variables["TF_CPP_MIN_LOG_LEVEL"] = "3"
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode != 0:
        pytest.fail(
            f"exit status {done.returncode} from {done.args}\n"
            f"{done.stdout}\n{done.stderr}"
        )
    return done.stdout.strip()


Install = Callable[[Path, Path], Path]
Python = Callable[..., str]


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder that is not the checkout."""
    return tmp_path_factory.mktemp("outside")


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Build the sdist from a copy of the checkout, and the wheel from the sdist."""
    work = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, work / "source", ignore=LEFT_OUT)
    out = work / "dist"
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out]
    run(*build, work / "source", cwd=work)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Distributions(sdist, wheel)


@pytest.fixture(scope="session")
def install(outside: Path) -> Install:
    """Return a function that installs a wheel or a source folder into a folder."""
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index"]

    def install(what: Path, target: Path) -> Path:
        run(*pip, *alone, "--target", target, what, cwd=outside)
        return target

    return install


@pytest.fixture(scope="session")
def installed(
    distributions: Distributions,
    install: Install,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Install our wheel into a folder of its own and return the folder."""
    return install(distributions.wheel, tmp_path_factory.mktemp("installed"))


@pytest.fixture
def python(installed: Path, outside: Path) -> Python:
    """Return a function that runs code in a new process that sees our wheel.

    Folders given beside the code are on the path of that process too.
    """

    def python(code: str, *paths: Path) -> str:
        command = [sys.executable, "-c", dedent(code)]
        return run(*command, cwd=outside, paths=(installed, *paths))

    return python
