"""Claims about the structure of the code, held against the code.

All of it reads the sources (but for the docstrings of public names) and loads no
framework.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "unifiedml"
BACKENDS = ROOT / "backends"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LONGEST = 500
"""Lines in one file."""

MOST_PRIMITIVES = 200
"""Functions that a backend has to provide."""

MOST_LINES = 1900
"""Lines of one backend, without those that make programs."""

FRAMEWORKS = {"torch", "tensorflow", "keras", "jax"}

BACKEND_IMPORTS = {
    "unifiedml_torch": {"torch"},
    "unifiedml_tensorflow": {"tensorflow"},
}
"""What each backend imports beside the standard library and `BOUNDARY`."""

BOUNDARY = {"numpy", "ml_dtypes", "unifiedml._backend"}

LAYERS = (
    {"_rules", "_dtypes", "_philox", "_sizes", "_tracing"},
    {"_backend"},
    {"_batched", "_tensor", "_value", "_recording", "_imperative", "_hooks", "ops"},
    {
        "_control",
        "_draw",
        "_graph",
        "_jit",
        "_parameter",
        "_place",
        "_tree",
        "_vmap",
        "autodiff",
        "fft",
        "linalg",
        "random",
        "tolerance",
    },
    {"data", "losses", "metrics", "nn", "optim"},
    {"train"},
    {"__init__"},
    {"testing"},
    {"contract"},
)
"""The parts of the frontend, lowest first: a part imports none of a higher layer.

`testing` and `contract` stand above the public names, since they compare them."""

OPTIONAL = {
    "hypothesis": {
        FRONTEND / "testing" / f"{name}.py"
        for name in (
            "_arguments",
            "_strategies",
            "_table_activations",
            "_table_control",
            "_table_convolution",
            "_table_creation",
            "_table_elementwise",
            "_table_fft",
            "_table_layers",
            "_table_linalg",
            "_table_functions",
            "_table_losses",
            "_table_manipulation",
            "_table_models",
            "_table_products",
            "_table_optimizers",
            "_table_normalization",
            "_table_random",
            "_table_reductions",
            "_table_scans",
            "_table_shapes",
            "_table_sorting",
        )
    },
    "scipy": {FRONTEND / "testing" / "_table_functions.py"},
}
"""Packages of an extra, and the files that may import them, when they are used."""

# Written in pieces, so that this file does not hold what it looks for.
HOSTS = {
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("download", "pytorch", "org"),
        ("anaconda", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
    )
}


@dataclass(frozen=True)
class Import:
    """One imported module: by which file, in which line, inside a function or not."""

    file: Path
    line: int
    module: str
    at_module_level: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


LEFT_BY_TOOLS = ("__pycache__", "build", "dist", "htmlcov", "out")


@cache
def files() -> tuple[Path, ...]:
    """Return the files of the repository, without environments and what tools leave."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name == ".ci" or not name.startswith(".")
            if name not in LEFT_BY_TOOLS and not name.endswith(".egg-info")
            if not Path(folder, name, "pyvenv.cfg").exists()
        ]
        found += [Path(folder, name) for name in names]
    return tuple(sorted(found))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(folder: Path) -> Iterator[Import]:
    """Yield every import of the modules in a folder, but those for type checkers."""
    for file in sorted(folder.rglob("*.py")):
        yield from imports_of(file, ast.parse(file.read_text()), at_module_level=True)


def imports_of(file: Path, node: ast.AST, *, at_module_level: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import():
                modules = [alias.name for alias in child.names]
            case ast.ImportFrom():
                # `from unifiedml import nn` may import the module `unifiedml.nn`.
                parent = absolute(file, child)
                modules = [f"{parent}.{alias.name}" for alias in child.names]
            case _:
                modules = []
        for module in modules:
            yield Import(file, child.lineno, module, at_module_level)
        if not is_type_checking(child):
            function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            yield from imports_of(
                file,
                child,
                at_module_level=at_module_level and not isinstance(child, function),
            )


def absolute(file: Path, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    base = BACKENDS if file.is_relative_to(BACKENDS) else ROOT
    package = file.relative_to(base).with_suffix("").parts[: -node.level]
    return ".".join((*package, *([node.module] if node.module else ())))


def listed(offenders: Iterable[object]) -> str:
    return "\n".join(f"  {offender}" for offender in offenders)


# --- who imports whom -----------------------------------------------------------------


def test_the_frontend_imports_no_framework() -> None:
    offenders = [found for found in imports(FRONTEND) if found.top in FRAMEWORKS]
    assert not offenders, f"frameworks belong in backends/:\n{listed(offenders)}"


@pytest.mark.parametrize("package", BACKEND_IMPORTS)
def test_a_backend_imports_its_framework_and_the_boundary(package: str) -> None:
    allowed = BACKEND_IMPORTS[package] | BOUNDARY | {package} | sys.stdlib_module_names
    offenders = [
        found
        for found in imports(BACKENDS / package)
        if not any(f"{found.module}.".startswith(f"{one}.") for one in allowed)
    ]
    assert not offenders, f"not for a backend:\n{listed(offenders)}"


def part(file_or_module: str) -> str | None:
    """Return the part of the frontend that a dotted name belongs to, if any."""
    pieces = file_or_module.split(".")
    if pieces[0] != "unifiedml":
        return None
    known = set().union(*LAYERS)
    return pieces[1] if len(pieces) > 1 and pieces[1] in known else "__init__"


def test_every_part_of_the_frontend_has_its_layer() -> None:
    parts = {
        path.stem
        for path in FRONTEND.iterdir()
        if path.suffix == ".py" or any(path.rglob("*.py"))
    }
    missing = parts - set().union(*LAYERS)
    assert not missing, f"give each a layer in LAYERS: {sorted(missing)}"


def test_imports_go_one_way() -> None:
    height = {name: level for level, names in enumerate(LAYERS) for name in names}
    offenders = []
    for found in imports(FRONTEND):
        importer = found.file.relative_to(FRONTEND).parts[0].removesuffix(".py")
        imported = part(found.module)
        if imported is None or importer not in height or not found.at_module_level:
            continue
        if height[imported] > height[importer]:
            offenders.append(f"{found}: {importer} is below {imported}")
    assert not offenders, f"imports against the direction:\n{listed(offenders)}"


def test_dependencies_are_those_that_are_imported() -> None:
    names = [re.split("[<>=;@ ]", d)[0] for d in PYPROJECT["project"]["dependencies"]]
    declared = {name.replace("-", "_").lower() for name in names}
    found = [i for i in imports(FRONTEND) if i.top not in sys.stdlib_module_names]
    undeclared = [
        one
        for one in found
        if one.at_module_level
        and one.top not in {"unifiedml"} | declared
        and one.file not in OPTIONAL.get(one.top, ())
    ]
    assert not undeclared, f"not in pyproject.toml:\n{listed(undeclared)}"
    assert declared <= {i.top for i in found}, "pyproject.toml declares what none uses"


# --- files ----------------------------------------------------------------------------


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    code = [file for file in files() if file.suffix in (".py", ".sh")]
    lengths = {file: len(file.read_text().splitlines()) for file in code}
    offenders = [
        f"{file.relative_to(ROOT)}: {length} lines"
        for file, length in lengths.items()
        if length >= LONGEST
    ]
    assert not offenders, (
        f"split what has {LONGEST} lines or more:\n{listed(offenders)}"
    )


def test_no_package_registry_is_named() -> None:
    """Which registry serves the packages is the business of the machine's settings."""
    hosts = "|".join(re.escape(host) for host in sorted(HOSTS))
    option = r"(index-url|index_url|find-links|find_links)[= ]+\S*://"
    pattern = re.compile(rf"\b({hosts})\b|{option}".encode())
    offenders = [
        f"{file.relative_to(ROOT)}:{number}: {line.decode(errors='replace').strip()}"
        for file in files()
        for number, line in enumerate(file.read_bytes().splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not offenders, f"name no registry:\n{listed(offenders)}"


def test_each_tool_is_configured_in_one_file() -> None:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    tools = {re.split("[:-]", section)[0] for section in parser.sections()}
    both = tools & set(PYPROJECT["tool"])
    assert not both, f"in setup.cfg and in pyproject.toml: {both}"
    assert not tools & {"metadata", "options"}, "metadata stands in pyproject.toml"


# --- public names ---------------------------------------------------------------------


def public_modules() -> Iterator[ModuleType]:
    unifiedml = importlib.import_module("unifiedml")
    yield unifiedml
    for found in pkgutil.walk_packages(unifiedml.__path__, "unifiedml."):
        if not any(piece.startswith("_") for piece in found.name.split(".")):
            yield importlib.import_module(found.name)


def public_names(module: ModuleType) -> list[str]:
    """Return `__all__`; a package without one exports what it imports, but modules."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    ]


def test_every_public_module_has_a_docstring() -> None:
    lacking = [module.__name__ for module in public_modules() if not module.__doc__]
    assert not lacking, f"without a docstring:\n{listed(lacking)}"


def test_every_listed_name_is_there() -> None:
    absent = [
        f"{module.__name__}.{name}"
        for module in public_modules()
        for name in public_names(module)
        if not hasattr(module, name)
    ]
    assert not absent, f"in __all__ but not there:\n{listed(absent)}"


def test_every_public_name_has_a_docstring() -> None:
    offenders = [
        f"{module.__name__}.{name}"
        for module in public_modules()
        for name in public_names(module)
        if not has_docstring(getattr(module, name))
    ]
    assert not offenders, f"without a docstring:\n{listed(offenders)}"


def has_docstring(value: object) -> bool:
    """Tell whether a module, class or function has one of its own; others need none."""
    if inspect.isclass(value):
        return bool(vars(value).get("__doc__"))
    return bool(inspect.getdoc(value)) or not callable(value)


# --- economy --------------------------------------------------------------------------


def test_the_boundary_is_narrow() -> None:
    """What a backend author writes stays small: compose in the frontend instead."""
    functions = [
        member
        for name in ("protocol", "programs")
        for node in ast.parse((FRONTEND / "_backend" / f"{name}.py").read_text()).body
        if isinstance(node, ast.ClassDef)
        for member in node.body
        if isinstance(member, ast.FunctionDef)
    ]
    assert len(functions) > 100
    assert len(functions) < MOST_PRIMITIVES, f"{len(functions)} primitives"


@pytest.mark.parametrize("package", BACKEND_IMPORTS)
def test_a_backend_is_small(package: str) -> None:
    count = sum(
        len(file.read_text().splitlines())
        for file in (BACKENDS / package).glob("*.py")
        if file.name not in ("_control.py", "_program.py", "_sizes.py", "_tracing.py")
    )
    assert count < MOST_LINES, f"{package} has {count} lines"
