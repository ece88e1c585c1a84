"""The files that belong to this project, and one of them as a tree."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = "pytest_taskq"
NOT_OURS = re.compile(r"\.(?!ci$|github$).*|_build|build|dist|__pycache__|venv|.*\.egg-info")


@dataclass(frozen=True)
class Source:
    """A text file, by its path below the root of the project."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The dotted name as a tuple; that of a package for its `__init__.py`."""
        names = Path(self.path).with_suffix("").parts
        return names[:-1] if names[-1] == "__init__" else names

    @property
    def module(self) -> str:
        return ".".join(self.parts)

    @property
    def package(self) -> tuple[str, ...]:
        """The package that this module lives in; a package lives in itself."""
        return self.parts if self.path.endswith("__init__.py") else self.parts[:-1]

    @property
    def is_public(self) -> bool:
        return not any(part.startswith("_") for part in self.parts)

    def at(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


def project_files() -> list[Path]:
    """The files that git tracks or would offer to add; all of them where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = [ROOT / line for line in done.stdout.splitlines()]
    except (OSError, subprocess.CalledProcessError):
        found = [path for path in ROOT.rglob("*") if _is_ours(path)]
    return sorted(path for path in found if path.is_file())


def _is_ours(path: Path) -> bool:
    folders = path.relative_to(ROOT).parts[:-1]
    return not any(NOT_OURS.fullmatch(folder) for folder in folders)


def read(path: Path) -> Source | None:
    """The file as a Source; None when it is not text."""
    try:
        return Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    except UnicodeDecodeError:
        return None


def texts() -> list[Source]:
    """Every text file of the project."""
    return [source for path in project_files() if (source := read(path)) is not None]


def python_files(*folders: str) -> list[Source]:
    """Every Python file below the given folders."""
    below = tuple(f"{folder}/" for folder in folders)
    return [s for s in texts() if s.path.endswith(".py") and s.path.startswith(below)]


def imports(source: Source) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Each import as (line, parts of the module, name taken from it or "")."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, tuple(alias.name.split(".")), ""
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = source.package[: len(source.package) - node.level + 1] + module
            for alias in node.names:
                yield node.lineno, module, alias.name
