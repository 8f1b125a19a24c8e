"""The first git commit and the next steps. A project is left behind whatever git says."""

import shutil
import subprocess
from pathlib import Path

DATASET: str = "{{ cookiecutter.dataset }}"
TASK: str = "{{ cookiecutter.task }}"
FLIGHTS = (
    "conf/schema", "conf/source/flights.yaml", "conf/task/airport_days.yaml", "conf/task/daily.yaml",
    "conf/task/delay.yaml", "conf/task/delay_kind.yaml", "conf/task/late.yaml", "conf/task/routes.yaml",
    "data/bundled", "params.yaml", "sql/airport_days.sql", "sql/daily.sql", "sql/departures.sql", "sql/routes.sql",
    "tests/data/test_bundled_data.py",
)  # fmt: skip
"""What only the bundled data needs."""
EMPTY = (".github/actions/setup", ".github/actions", ".github/workflows", ".github", "course", "deploy/kubernetes")
"""Folders whose files have conditions in their names, which a folder cannot have."""

NEXT = """
{{ cookiecutter.project_name }} is in {{ cookiecutter.project_slug }}/. Next:

    cd {{ cookiecutter.project_slug }}
    make setup      # environment from the lock
    make pipeline   # raw files to a portable model
    make serve      # http://127.0.0.1:8000
"""


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)


def commit() -> str:
    """What to tell the user about git; nothing where all went well."""
    try:
        git("init", "--quiet", "--initial-branch=main")
        git("add", "--all")
        git("commit", "--quiet", "--message", "Start from cookiecutter-dataops")
    except FileNotFoundError:
        return "git is not installed, so nothing is under version control yet. Install it, then: git init && make setup"
    except subprocess.CalledProcessError as error:
        return (
            f"git made no first commit: {(error.stderr or error.stdout).strip().splitlines()[-1]}\n"
            'Tell git who you are (git config --global user.name "…", user.email …), then in the project:\n'
            "    git add --all && git commit -m 'First commit'"
        )
    return ""


def remove(names: tuple[str, ...]) -> None:
    for path in map(Path, names):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    if DATASET == "own":
        remove(FLIGHTS)
    elif TASK != "classification":
        remove(("params.yaml",))  # it is that of the default; `make setup` composes this one
    for folder in map(Path, EMPTY):
        if not any(folder.iterdir()):
            folder.rmdir()
    told = commit()
    print(NEXT)
    if told:
        print(told)
