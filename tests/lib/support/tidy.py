"""The house rules. Each is a function from files to offenders, told as `path:line: what`."""

import ast
import builtins
import importlib
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence

from support.source import PACKAGE, Source, imports

MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 50

Offenders = Iterator[str]
Function = ast.FunctionDef | ast.AsyncFunctionDef

READS_TIME = re.compile(
    r"datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today"
    r"|time\.(time|time_ns|monotonic|monotonic_ns|sleep)|asyncio\.sleep"
)
MAY_READ_TIME = {f"{PACKAGE}/engine/machine.py", f"{PACKAGE}/testing/wait.py"}
# The classes in square brackets keep these patterns from finding themselves.
MARKER = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b")
DESTROYS = re.compile(r"FLUSH(DB|ALL)|DROP[ ]DATABASE", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.:/<$}\])])(/(home|root|tmp|Users|work)/|[A-Z]:\\Users)")
REGISTRY = re.compile(r"py[p]i\.org|python[h]osted|index[-_]ur[l]|find[-_]link[s]", re.IGNORECASE)


def file_too_long(sources: Sequence[Source]) -> Offenders:
    for source in sources:
        count = len(source.text.splitlines())
        if count > MOST_LINES_OF_A_FILE:
            yield source.at(count, f"{count} lines, at most {MOST_LINES_OF_A_FILE}")


def function_too_long(sources: Sequence[Source]) -> Offenders:
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, Function) and node.end_lineno is not None:
                count = node.end_lineno - node.lineno + 1
                if count > MOST_LINES_OF_A_FUNCTION:
                    what = f"{node.name} has {count} lines, at most {MOST_LINES_OF_A_FUNCTION}"
                    yield source.at(node.lineno, what)


def no_opening_docstring(sources: Sequence[Source]) -> Offenders:
    for source in sources:
        if not ast.get_docstring(source.tree):
            yield source.at(1, "does not open with a sentence on what it is responsible for")


def reads_time_or_chance(sources: Sequence[Source]) -> Offenders:
    for source in sources:
        if source.path in MAY_READ_TIME:
            continue
        known = _imported_names(source)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom):
                used = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                used = [_dotted(node, known)]
            for name in used:
                if READS_TIME.fullmatch(name) or _is_chance(name):
                    yield source.at(node.lineno, f"{name}: take it as an argument")
            if _is_unseeded(node, known):
                yield source.at(node.lineno, "random.Random() without a seed")


def leftover_marker(sources: Sequence[Source]) -> Offenders:
    """In comments only: elsewhere it is a word, such as a library's name for a state."""
    for source in sources:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT and (found := MARKER.search(token.string)):
                yield source.at(token.start[0], found.group())


def destroys_a_database(sources: Sequence[Source]) -> Offenders:
    return _lines_with(DESTROYS, sources)


def path_of_one_machine(sources: Sequence[Source]) -> Offenders:
    return _lines_with(MACHINE_PATH, sources)


def registry_address(sources: Sequence[Source]) -> Offenders:
    return _lines_with(REGISTRY, sources)


def imports_pytest_internals(sources: Sequence[Source]) -> Offenders:
    for source in sources:
        for line, module, _ in imports(source):
            if module[:1] == ("_pytest",):
                yield source.at(line, "_pytest is private: use what pytest itself offers")


def private_path_from_outside(sources: Sequence[Source]) -> Offenders:
    """A private part may be imported within the package that holds it, and nowhere else."""
    files = {source.parts for source in sources if source.parts != source.package}
    for source in sources:
        for line, module, name in imports(source):
            path = (*module, name) if name else module
            private = [n for n, part in enumerate(path) if re.match(r"_(?!_)", part)]
            if path[0] != PACKAGE or not private:
                continue
            place = private[0]
            holder = path[: place - 1] if path[:place] in files else path[:place]
            if _seen_from(source)[: len(holder)] != holder:
                yield source.at(line, f"{'.'.join(path)} is private to {'.'.join(holder)}")


def no_list_of_public_names(sources: Sequence[Source]) -> Offenders:
    for source in sources:
        if source.is_public and not any(_assigns_all(node) for node in source.tree.body):
            yield source.at(1, "a public module without __all__")


def dead_module(package: Sequence[Source], users: Sequence[Source], entry: str) -> Offenders:
    """A module that neither the package, nor an entry point, nor (if public) a user imports."""
    names = {source.module for source in package}
    inside = _mentioned(package, names) | {entry, PACKAGE}
    outside = _mentioned(users, names)
    for source in package:
        alive = source.module in inside or (source.is_public and source.module in outside)
        if not alive and not any(name.startswith(f"{source.module}.") for name in inside | outside):
            yield source.at(1, f"nobody imports {source.module}")


def no_docstring(sources: Sequence[Source]) -> Offenders:
    """Public classes, functions and methods of public modules; overrides need none."""
    classes = {
        node.name: (source, node)
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    for source in sources:
        if source.is_public:
            for node, owner in _public_definitions(source.tree.body):
                if ast.get_docstring(node) or _decorated(node):
                    continue
                if owner is None or not _inherits(owner, node.name, source, classes):
                    what = f"{owner.name}.{node.name}" if owner else node.name
                    yield source.at(node.lineno, f"{what} has no docstring")


def _lines_with(pattern: re.Pattern[str], sources: Sequence[Source]) -> Offenders:
    for source in sources:
        for number, line in enumerate(source.text.splitlines(), start=1):
            if found := pattern.search(line):
                yield source.at(number, found.group().strip())


def _imported_names(source: Source) -> dict[str, str]:
    """What each imported name stands for: {"dt": "datetime", "now": "time.time"}."""
    known = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return known


def _dotted(node: ast.AST, known: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, known)
        return f"{before}.{node.attr}" if before else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def _is_chance(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return module == "random" and function[:1].islower()


def _is_unseeded(node: ast.AST, known: dict[str, str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and _dotted(node.func, known) == "random.Random"
        and not node.args
        and not node.keywords
    )


def _seen_from(source: Source) -> tuple[str, ...]:
    """Where a file stands; a test stands in the package whose folder it mirrors."""
    if source.path.startswith("tests/"):
        return (PACKAGE, *source.package[1:])
    return source.package


def _assigns_all(node: ast.stmt) -> bool:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _mentioned(sources: Sequence[Source], names: set[str]) -> set[str]:
    """The modules among `names` that the sources import, or name in a string for a lazy import."""
    found = set()
    for source in sources:
        for _, module, name in imports(source):
            found |= {".".join(module), ".".join((*module, name))} - {source.module}
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                found.add(f"{'.'.join(source.package)}{text}" if text.startswith(".") else text)
    return found & names


def _public_definitions(
    body: Sequence[ast.stmt], owner: ast.ClassDef | None = None
) -> Iterator[tuple[ast.ClassDef | Function, ast.ClassDef | None]]:
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node, owner
            if isinstance(node, ast.ClassDef):
                yield from _public_definitions(node.body, node)


def _decorated(node: ast.ClassDef | Function) -> bool:
    """Whether a decorator says that the words are elsewhere."""
    last = [ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list]
    return bool({"override", "overload", "setter", "deleter"} & set(last))


def _inherits(
    owner: ast.ClassDef, name: str, source: Source, classes: dict[str, tuple[Source, ast.ClassDef]]
) -> bool:
    """Whether a base class already has (and documents) this method."""
    for base in owner.bases:
        text = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
        short = text.rpartition(".")[2]
        if short in classes:
            where, parent = classes[short]
            defined = {getattr(node, "name", None) for node in parent.body}
            if name in defined or _inherits(parent, name, where, classes):
                return True
        elif hasattr(_library_class(text, source), name):
            return True
    return False


def _library_class(text: str, source: Source) -> object:
    """A base class of the standard library; a bare object for any other."""
    top, _, rest = text.partition(".")
    full = ".".join(filter(None, (_imported_names(source).get(top, top), rest)))
    module, _, name = full.rpartition(".")
    if module.partition(".")[0] in sys.stdlib_module_names:
        return getattr(importlib.import_module(module), name, object)
    return getattr(builtins, name, object)
