"""What the product's own code may not do: the linter refuses most of it, this sees the rest."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNPICKLERS = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "jsonpickle"}
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ATTACH|VACUUM|WHERE|BEGIN)\b")

JUDGED = {
    ("store/copies.py", "contents"): "names of tables from a list in the module",
    (
        "store/bulk.py",
        "_prepared",
    ): "a table's name, and column names that it looks up in the table",
    (
        "store/damage.py",
        "look",
    ): "one of two pragmas, and names of our own tables as SQLite has them",
    ("store/database.py", "_prepare"): "pragmas from a list in the function",
    (
        "store/search.py",
        "_match",
    ): "table and rank are written out in `lexical`, the words are bound",
    ("store/search.py", "_within"): "constants, and names of parameters counted by us",
    ("store/search.py", "within"): "the text that `_within` makes",
    ("store/search.py", "frequency"): "one of two tables; the word is bound",
    ("store/search.py", "count"): "the same words with a condition behind them",
    ("store/search.py", "candidates"): "column names and constants of the module, and `_within`",
    ("store/upkeep.py", "old_texts"): "queries that are constants of the module",
    ("store/upkeep.py", "tidy"): "pragmas from a list in the function",
    ("store/migrations/versions/0002_full_text.py", ""): "constants of the module",
    ("store/migrations/versions/0002_full_text.py", "upgrade"): "constants of the module",
}
"""Every place where something is put into SQL text, and why none of it comes from outside."""


def files() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("agent", "store"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def nodes(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function that it is in."""
    for child in ast.iter_child_nodes(tree):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        within = child.name if named else function
        yield within, child
        yield from nodes(child, within)


def forbidden(call: ast.Call) -> str:
    """What is wrong with a call; "" when nothing is."""
    name = ast.unparse(call.func)
    literal = bool(call.args) and isinstance(call.args[0], ast.Constant)
    if name in ("exec", "eval", "compile", "__import__", "runpy.run_path", "runpy.run_module"):
        return f"{name}() runs what it is given"
    if name.endswith("import_module") and not literal:
        return "a module is imported by a name that is not written out"
    if re.fullmatch(r"(np|numpy)\.(load|lib\.npyio\.NpzFile)", name):
        named = {one.arg: ast.unparse(one.value) for one in call.keywords}
        return "" if named.get("allow_pickle") == "False" else "np.load may unpickle"
    return ""


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {one.name.split(".")[0] for one in node.names}
    return (
        {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module else set()
    )


def faults(tree: ast.Module) -> list[str]:
    found = [node for _, node in nodes(tree)]
    builders = {name for node in found for name in imported(node) & UNPICKLERS}
    calls = [why for node in found if isinstance(node, ast.Call) and (why := forbidden(node))]
    return [*calls, *(f"{name} builds objects out of bytes" for name in sorted(builders))]


def test_no_code_of_ours_runs_or_unpickles_what_it_reads() -> None:
    assert [(file, why) for file, tree in files() for why in faults(tree)] == []


def written_sql(tree: ast.Module) -> set[str]:
    """The functions in which something is put into SQL text."""
    found = set()
    for function, node in nodes(tree):
        if isinstance(node, ast.JoinedStr):
            says = "".join(
                str(part.value) for part in node.values if isinstance(part, ast.Constant)
            )
            filled = any(isinstance(part, ast.FormattedValue) for part in node.values)
            if filled and SQL.search(says):
                found.add(function)
    return found


def test_everything_that_is_put_into_sql_text_was_judged() -> None:
    found = {(file, place) for file, tree in files() for place in written_sql(tree)}
    assert found - JUDGED.keys() == set(), "bind it as a parameter, or say here why it is ours"
    assert JUDGED.keys() - found == set(), "gone from the code: take it out of the list"


@pytest.mark.parametrize(
    "code",
    [
        "compile(text, 'f', 'exec')",
        "__import__(name)",
        "importlib.import_module(name)",
        "np.load(stream)",
        "np.load(stream, allow_pickle=True)",
        "import pickle",
        "from joblib import load",
    ],
)
def test_a_planted_fault_is_seen(code: str) -> None:
    assert faults(ast.parse(f"def planted():\n    {code}"))


def test_sql_with_a_word_put_in_is_seen() -> None:
    planted = "def find(word):\n    return text(f\"SELECT * FROM item WHERE title = '{word}'\")"
    assert written_sql(ast.parse(planted)) == {"find"}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("S102", "exec(text)"),
        ("S307", "eval(text)"),
        ("S301", "pickle.loads(data)"),
        ("S302", "marshal.loads(data)"),
        ("S506", "yaml.load(text)"),
        ("S602", "subprocess.run(text, shell=True)"),
        ("S605", "os.system(text)"),
        ("S306", "tempfile.mktemp()"),
        ("S103", "os.chmod('thesiswatch.sqlite3', 0o666)"),
        ("S113", "httpx.get(url, timeout=None)"),
        ("S501", "httpx.get(url, timeout=5, verify=False)"),
        ("S105", "password = 'correct horse battery'"),  # pragma: allowlist secret
        ("S608", 'sql = "SELECT * FROM item WHERE id = \'" + id_ + "\'"'),
        ("S110", "try:\n    send()\nexcept Exception:\n    pass"),
    ],
)
def test_the_linter_refuses_what_opens_a_door(rule: str, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "agent/planted.py", "-"],
        input="import httpx, marshal, os, pickle, subprocess, tempfile, yaml\n" + code,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{rule} " in done.stdout
