"""What is in the wheel and in the source distribution."""

from __future__ import annotations

from collections.abc import Callable
from configparser import ConfigParser
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "unifiedml": ROOT / "unifiedml",
    "unifiedml_torch": ROOT / "backends" / "unifiedml_torch",
    "unifiedml_tensorflow": ROOT / "backends" / "unifiedml_tensorflow",
}
ENTRY_POINTS = {
    "unifiedml.backends": {
        "torch": "unifiedml_torch",
        "tensorflow": "unifiedml_tensorflow",
    }
}


@pytest.fixture(scope="session")
def wheel(distributions: Any) -> dict[str, bytes]:
    """Return what the wheel holds: contents by path."""
    contents: dict[str, bytes] = distributions.in_wheel()
    return contents


@pytest.fixture(scope="session")
def metadata(wheel: dict[str, bytes]) -> Callable[[str], bytes]:
    """Return a function that reads one file of the wheel's metadata."""

    def metadata(name: str) -> bytes:
        (path,) = (p for p in wheel if p.endswith(f".dist-info/{name}"))
        return wheel[path]

    return metadata


def package_files(folder: Path, base: Path) -> set[str]:
    found = (*folder.rglob("*.py"), *folder.rglob("*.toml"))
    return {path.relative_to(base).as_posix() for path in found}


def test_wheel_holds_the_packages_and_nothing_else(wheel: dict[str, bytes]) -> None:
    tops = {path.partition("/")[0] for path in wheel}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {info} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_holds_every_module_and_the_type_marker(
    wheel: dict[str, bytes], package: str
) -> None:
    folder = PACKAGES[package]
    expected = package_files(folder, folder.parent) | {f"{package}/py.typed"}
    assert {path for path in wheel if path.startswith(f"{package}/")} == expected


def test_wheel_holds_the_licence(metadata: Callable[[str], bytes]) -> None:
    assert metadata("licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_entry_points(metadata: Callable[[str], bytes]) -> None:
    parser = ConfigParser()
    parser.read_string(metadata("entry_points.txt").decode())
    assert {group: dict(parser[group]) for group in parser.sections()} == ENTRY_POINTS


def test_metadata(metadata: Callable[[str], bytes]) -> None:
    fields = BytesParser().parsebytes(metadata("METADATA"))
    assert fields["Name"] == "unifiedml"
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["Requires-Python"] == ">=3.11"
    needed = [r for r in fields.get_all("Requires-Dist", []) if "extra ==" not in r]
    frameworks = ("torch", "tensorflow", "keras", "jax")
    assert not [r for r in needed if r.startswith(frameworks)]


def test_sdist_holds_what_rebuilding_and_testing_need(distributions: Any) -> None:
    """The wheel of these tests was built from it, so building is proven already."""
    named = {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints.txt",
        "pyproject.toml",
        "setup.cfg",
        "scripts/setup_env.sh",
    }
    folders = (ROOT / "tests", ROOT / "examples", *PACKAGES.values())
    modules = set().union(*(package_files(folder, ROOT) for folder in folders))
    missing = (named | modules) - distributions.in_sdist()
    assert not missing, f"add to MANIFEST.in: {sorted(missing)}"
