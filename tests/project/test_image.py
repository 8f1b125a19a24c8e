"""The image of the API, built and run with Debian's own tools: mmdebstrap makes its base, buildah the rest."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..conftest import BakedProject
from .conftest import free_port, post, required

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

    @contextlib.contextmanager
    def serving(self, container: str) -> Iterator[str]:
        """The API in the container; its address."""
        port = free_port()
        serve = [".venv/bin/python", "-m", PACKAGE, "serve", "--host", "0.0.0.0", "--port", str(port)]
        process = subprocess.Popen([*self.command, "run", container, "--", *serve], env=self.environment)
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run(["pkill", "-TERM", "-f", " ".join(serve[2:])], check=False)
            process.wait(60)


@pytest.fixture
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


def test_the_image_answers_whoever_has_a_key_and_is_not_root(
    apart: Callable[..., BakedProject], deployed: BakedProject, example: dict[str, Any], buildah: Buildah
) -> None:
    project = apart()
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "poetry.lock", "README.md", "LICENSE"):
        shutil.copy(deployed.root / name, project.root / name)
    for name in ("src", "tools"):
        shutil.copytree(deployed.root / name, project.root / name)
    key = project.run(".venv/bin/python", "-m", PACKAGE, "keys", "add", "ann").strip()
    buildah("bud", "--build-arg", "BASE=localhost/base", "--tag", "api", str(project.root))
    container = buildah("from", "localhost/api")
    assert buildah("run", container, "--", "id", "--user", "--name") == "app"
    with buildah.serving(container) as url:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(url, {"rows": [example]})
        assert len(post(url, {"rows": [example]}, key=key)["predictions"]) == 1
