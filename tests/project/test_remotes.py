"""A project of each kind of remote: its data goes to a real server of that kind, and comes back in a clone."""

from __future__ import annotations

import contextlib
import getpass
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bake import bake, share_environment

from ..conftest import BakedProject
from .conftest import free_port, make_bucket, required, wait_until_listening

AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:PORT/devstoreaccount1;"
)
"""How Microsoft's emulator is reached; its key is the same everywhere."""


@contextlib.contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_listening(port, process)
        yield
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture
def store(
    remote: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[list[str]]]:
    """A server; yields what of the remote must be said to reach it, as arguments of `dvc remote modify`."""
    port, folder = free_port(), tmp_path / "server"
    folder.mkdir()
    address = f"http://127.0.0.1:{port}"
    if remote == "local":
        yield []
    elif remote == "s3":
        url: str = request.getfixturevalue("s3")
        make_bucket(request.getfixturevalue("tools"), url, "stored-away")
        yield [["endpointurl", url]]
    elif remote == "gs":
        emulator = str(request.getfixturevalue("tools").parent / "gcp-storage-emulator")
        command = [emulator, "--data-dir", str(folder), "start", "--port", str(port), "--default-bucket", "stored-away"]
        monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # it asks by gRPC, which the emulator lacks
        with running(command, port, folder):
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)  # to which gcsfs speaks without credentials
            yield []
    elif remote == "azure":
        azurite = str(request.getfixturevalue("node_modules") / ".bin" / "azurite-blob")
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", AZURITE.replace("PORT", str(port)))
        command = [azurite, "--blobPort", str(port), "--location", str(folder), "--skipApiVersionCheck", "--silent"]
        with running(command, port, folder):
            yield []
    else:
        keys = ["ssh-keygen", "-q", "-t", "ed25519", "-N", ""]
        for name in ("host", "user"):
            subprocess.run([*keys, "-f", str(folder / name)], check=True)
        (folder / "user.pub").rename(folder / "authorized_keys")
        settings = {
            "HostKey": folder / "host", "AuthorizedKeysFile": folder / "authorized_keys", "PidFile": "none",
            "Port": port, "ListenAddress": "127.0.0.1", "StrictModes": "no", "UsePAM": "no",
            "Subsystem": "sftp internal-sftp",
        }  # fmt: skip
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        (folder / "sshd_config").write_text(text, encoding="utf-8")
        Path("/run/sshd").mkdir(exist_ok=True)
        with running([required("sshd", "openssh-server"), "-D", "-f", str(folder / "sshd_config")], port, folder):
            location = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{folder}/stored-away"
            yield [["url", location], ["keyfile", str(folder / "user")]]


@pytest.mark.parametrize("remote", ["local", "s3", "gs", "azure", "ssh"])
def test_data_goes_to_the_remote_and_comes_back_in_a_clone(
    remote: str, store: list[list[str]], installed: BakedProject, tmp_path: Path
) -> None:
    """In the environment of `installed`; `make setup` adds the driver that the option asks for."""
    project = BakedProject(bake(tmp_path, project_name="Stored Away", remote=remote))
    share_environment(project.root)
    project.make("setup")
    if remote == "azure":
        project.python(
            "import os; from azure.storage.blob import ContainerClient; "
            "ContainerClient.from_connection_string(os.environ['AZURE_STORAGE_CONNECTION_STRING'], 'stored-away')"
            ".create_container()"
        )
    project.make("ingest")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "The first landing")
    for setting in store:
        project.run(".venv/bin/dvc", "remote", "modify", "--local", "storage", *setting)
    project.run(".venv/bin/dvc", "push", "--quiet")
    clone = tmp_path / "clones" / "stored-away"
    project.run("git", "clone", "--quiet", ".", str(clone))
    other = BakedProject(clone)
    share_environment(clone)
    if store:
        (clone / ".dvc" / "config.local").write_bytes((project.root / ".dvc" / "config.local").read_bytes())
    if remote == "local":  # `../../stored-away-storage`, seen from the clone
        (tmp_path / "clones" / "stored-away-storage").symlink_to(tmp_path / "stored-away-storage")
    other.run(".venv/bin/dvc", "pull", "--quiet", "--allow-missing")
    assert len(list((clone / "data" / "landing").rglob("*.csv.gz"))) == 15
