"""The house stays readable: small folders, files and functions, rooms that explain themselves, names used once."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

MOST_MODULES = 15
"""Modules in one folder, beside `__init__.py`, `__main__.py` and `conftest.py`."""

MOST_LINES_OF_A_FUNCTION = 40
MOST_LINES_OF_A_FILE = 300

_NO_MODULES = {"__init__.py", "__main__.py", "conftest.py"}


def test_no_folder_has_more_modules_than_one_can_survey() -> None:
    modules = Counter(file.parent for file in _files("services", "ml", "db", "tests") if file.name not in _NO_MODULES)
    assert {_shown(folder): count for folder, count in modules.items() if count > MOST_MODULES} == {}


def test_every_room_says_what_is_in_it() -> None:
    rooms = [
        file for file in _files("services", "ml", "db") if file.name == "__init__.py" and "migrations" not in file.parts
    ]
    assert [_shown(room) for room in rooms if not ast.get_docstring(_tree(room))] == []


def test_no_file_of_the_program_is_too_long() -> None:
    files = {_shown(file): len(file.read_text().splitlines()) for file in _files("services", "ml", "db")}
    assert {file: lines for file, lines in files.items() if lines > MOST_LINES_OF_A_FILE} == {}


def test_no_function_of_the_program_is_too_long() -> None:
    functions = {
        f"{_shown(file)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file in _files("services", "ml", "db")
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "versions" not in file.parts
    }
    assert {name: lines for name, lines in functions.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def test_every_class_name_occurs_once() -> None:
    files = defaultdict(list)
    for file in _files("services", "ml", "db", "tests"):
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(_shown(file))
    assert {name: where for name, where in files.items() if len(where) > 1} == {}


def _files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))
