from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import {{ cookiecutter.package_name }} as package

IMPORT_ALL = """
import importlib, pkgutil, sys
import {{ cookiecutter.package_name }} as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({"pycaret", "mlflow", "evidently"} & set(sys.modules)))
"""


def test_importing_every_module_writes_nothing_and_loads_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_runtime_of_the_models_tells_nobody_what_is_done_with_it(tmp_path: Path) -> None:
    """It would keep a number for this machine, and send what it sees, if it was not silenced before it is imported."""
    code = "import {{ cookiecutter.package_name }}, onnxruntime"
    subprocess.run([sys.executable, "-c", code], env={"HOME": str(tmp_path), "PATH": ""}, check=True)
    assert list(tmp_path.iterdir()) == []


UNIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
"""Modules of Python that Windows lacks."""


def test_every_module_can_be_imported_on_windows() -> None:
    imported = {
        (path.name, name)
        for path in Path(package.__path__[0]).rglob("*.py")
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        for name in names_of(statement)
    }
    assert {one for one in imported if one[1] in UNIX} == set()


def names_of(statement: ast.stmt) -> list[str]:
    """Of the modules that an import statement names; none of any other statement."""
    if isinstance(statement, ast.Import):
        return [alias.name.split(".")[0] for alias in statement.names]
    return [statement.module.split(".")[0]] if isinstance(statement, ast.ImportFrom) and statement.module else []
