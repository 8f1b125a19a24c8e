"""The image of the API, built and run with Debian's own tools: mmdebstrap makes its base, buildah the rest."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import BakedProject
from .conftest import free_port, make_bucket, post, required, wait_until_listening

PACKAGE = "late_planes"
CERTIFICATES, PIP = Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pip.conf")


@dataclass(frozen=True)
class Buildah:
    """`buildah` with a store of its own."""

    command: list[str]
    environment: dict[str, str]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self.command, *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def entrypoint(self, image: str) -> list[str]:
        found: list[str] = json.loads(self("inspect", image))["OCIv1"]["config"]["Entrypoint"]
        return found

    def build(self, project: BakedProject, tag: str, *told: str) -> None:
        """The image `localhost/<tag>` from the Dockerfile of a project, on Debian as the fixture has made it."""
        base = ["--build-arg", "BASE=localhost/base", *told, "--tag", tag]
        self(
            "bud", "--format", "docker", *base, "--file", str(project.root / "deploy" / "Dockerfile"), str(project.root)
        )

    @contextlib.contextmanager
    def serving(self, image: str, container: str, **variables: str) -> Iterator[str]:
        """What the image runs, in a container of it, on a free port; its address."""
        port = free_port()
        serve = [*self.entrypoint(image), "--port", str(port)]
        given = [f"--env={name}={value}" for name, value in variables.items()]
        process = subprocess.Popen([*self.command, "run", *given, container, "--", *serve], env=self.environment)
        try:
            wait_until_listening(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run(["pkill", "-TERM", "-f", "--", f"--port {port}"], check=False)
            process.wait(60)


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """Its image `localhost/base` is Debian, with what pip is told on this machine."""
    tool, bootstrap = required("buildah", "buildah"), required("mmdebstrap", "mmdebstrap")
    if os.getuid() != 0:
        pytest.skip("the base of the image is made as root")
    folder = tmp_path_factory.mktemp("images")
    stored = [tool, "--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
    run = Buildah(stored, {**os.environ, "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder)})
    subprocess.run([bootstrap, "--quiet", "--variant=minbase", "bookworm", str(folder / "base.tar")], check=True)
    base = run("from", "scratch")
    run("add", base, str(folder / "base.tar"), "/")
    if PIP.is_file():
        run("add", base, str(PIP), str(PIP))
    run("add", base, str(CERTIFICATES), "/certificates.crt")
    for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        run("config", "--env", f"{name}=/certificates.crt", base)
    run("commit", base, "localhost/base")
    yield run
    run("rm", "--all")
    run("rmi", "--all", "--force")


@pytest.fixture
def source(apart: Callable[..., BakedProject], deployed: BakedProject) -> BakedProject:
    """What was deployed first, with all that an image is built from."""
    project = apart()
    for name in (".dockerignore", "pyproject.toml", "poetry.lock", "README.md", "LICENSE"):
        shutil.copy(deployed.root / name, project.root / name)
    for name in ("Dockerfile", "compose.yaml"):
        shutil.copy(deployed.root / "deploy" / name, project.root / "deploy" / name)
    for name in ("src", "tools"):
        shutil.copytree(deployed.root / name, project.root / name)
    return project


def test_the_image_answers_whoever_has_a_key_and_is_not_root(
    source: BakedProject, example: dict[str, Any], buildah: Buildah, postgres: str
) -> None:
    """Built as compose.yaml says, with its keys from outside and its log in PostgreSQL."""
    locked = yaml.safe_load(source.text("deploy/compose.yaml"))["services"]["api"]["build"]["args"]["LOCKED"]
    buildah.build(source, "api", "--build-arg", f"LOCKED={locked}")
    container = buildah("from", "localhost/api")
    assert buildah("run", container, "--", "id", "--user", "--name") == "app"
    checked = buildah("run", container, "--", *buildah.entrypoint("localhost/api"), "--check")
    assert "champion version 1 answers its example" in checked
    app = Path(buildah("mount", container)) / "app"
    assert not (app / "deploy" / "keys.json").exists()
    key = source.run(".venv/bin/python", "-m", PACKAGE, "keys", "add", "ann").strip()
    shutil.copy(source.root / "deploy" / "keys.json", app / "deploy")
    probe = json.loads(buildah("inspect", "localhost/api"))["Docker"]["config"]["Healthcheck"]["Test"][1:]
    with buildah.serving("localhost/api", container, PREDICTION_LOG=postgres) as url:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(url, {"rows": [example]})
        assert len(post(url, {"rows": [example]}, key=key)["predictions"]) == 1
        buildah("run", container, "--", *[one.replace(":8000", f":{url.rsplit(':', 1)[1]}") for one in probe])
        logged = f"from {PACKAGE}.monitoring.store import PredictionLog; from {PACKAGE}.layout import Layout; "
        count = f"{logged}print(PredictionLog({postgres!r}, Layout()).count('1'))"
        for _ in range(20):
            if source.python(count).strip() == "1":
                break
        else:
            pytest.fail("what was answered is not in PostgreSQL")


def test_the_tracking_server_of_the_image_keeps_runs_in_postgresql_and_an_object_store(
    source: BakedProject, buildah: Buildah, postgres: str, s3: str, tools: Path
) -> None:
    """By the environment that compose.yaml gives it, but for the addresses."""
    make_bucket(tools, s3, "mlflow")
    buildah.build(source, "tracking", "--target", "tracking")
    given = yaml.safe_load(source.text("deploy/compose.yaml"))["services"]["mlflow"]["environment"] | {
        "MLFLOW_BACKEND_STORE_URI": postgres,
        "MLFLOW_S3_ENDPOINT_URL": s3,
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    with buildah.serving("localhost/tracking", buildah("from", "localhost/tracking"), **given) as url:
        source.python(
            f"import mlflow; mlflow.set_tracking_uri({url!r}); mlflow.start_run(); mlflow.log_metric('auc', 0.7); "
            "mlflow.log_text('what it found', 'report.txt')"
        )
        beside = urllib.request.Request(f"{url}/version", headers={"Host": "mlflow:5000"})
        with urllib.request.urlopen(beside, timeout=30) as answer:
            assert answer.status == 200  # under its name among the containers, too
    keys = f"boto3.client('s3', endpoint_url={s3!r}).list_objects_v2(Bucket='mlflow')['Contents']"
    told = subprocess.run(
        [str(tools), "-c", f"import boto3; print({keys})"], capture_output=True, text=True, check=True
    )
    assert "report.txt" in told.stdout
    asked = f"import sqlalchemy as sa; print(*sa.create_engine({postgres!r}).connect().execute(sa.text("
    assert "0.7" in source.python(asked + "'select value from metrics')))")
