"""One command per step: `python -m <package> <command>`.

What a step needs is imported when it is asked for, so that `--help` and serving stay light.
"""

from __future__ import annotations

import errno
import importlib
import sys
from pathlib import Path
from typing import Any

import click

from . import config as configuration
from . import deployment
from .errors import ProjectError
from .layout import Layout

STAGES = {
    "format": "Type the landed files: landing zone to formatted zone.",
    "trust": "Drop duplicates, quarantine bad rows: formatted zone to trusted zone.",
    "exploit": "Run the views of sql/: trusted zone to exploitation zone.",
    "profile": "Describe every column of every zone, in numbers and pictures.",
    "split": "Cut train, validation and test, and choose the features.",
    "leakage": "Find features that know the answer already.",
    "train": "Search the best model with PyCaret and log it to MLflow.",
    "evaluate": "Measure the model on the hold-out.",
    "export": "Write the portable bundle and prove that it answers the same.",
}


CRITICAL = 3
"""What `monitor` ends with when something critical is open; 1 is an error, 0 all else."""

OF_THE_MACHINE = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EMFILE)
"""Errors that say something about the machine and nothing about the code: a full or read-only disk."""


class ReadableErrors(click.Group):
    """Every command ends with one message on standard error where it cannot go on."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProjectError as error:
            message = str(error)
        except OSError as error:
            if error.errno not in OF_THE_MACHINE:
                raise
            message = f"{error}. Nothing was changed; mend that and run the same again."
        click.secho(f"error: {message}", fg="red", err=True)
        sys.exit(1)


@click.group(cls=ReadableErrors, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The steps of this project, each as one command. Run them in the project's folder."""


def _stage(name: str, summary: str) -> None:
    @main.command(name, help=summary)
    def command() -> None:
        layout = Layout()
        importlib.import_module(f".pipeline.{name}", __package__).run(configuration.load(layout), layout)


for _name, _summary in STAGES.items():
    _stage(_name, _summary)


@main.command()
def init() -> None:
    """Make what a clone lacks: a git repository, its hooks, DVC, the store of MLflow. `make setup` calls it."""
    from . import workspace

    workspace.init(Layout())
    click.echo("setup     done; next: make pipeline")


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when params.yaml does not say what conf/ says.")
def compose(check: bool) -> None:
    """Compose conf/ (Hydra) into params.yaml."""
    from . import compose as composing

    if check:
        if not composing.is_current(Layout()):
            raise ProjectError("params.yaml does not say what conf/ says: run `make pipeline` and commit both.")
    else:
        composing.write(Layout())


@main.command()
@click.option("--next", "further", is_flag=True, help="Land one period more than was landed so far.")
@click.argument("sources", nargs=-1)
def ingest(sources: tuple[str, ...], further: bool) -> None:
    """Land what is new of every source that is due, or of SOURCES, and put it under DVC."""
    from . import compose
    from .pipeline import ingest as ingesting

    compose.write(Layout())
    ingesting.run(configuration.load(Layout()), Layout(), further=further, only=sources)


@main.command()
@click.option("--write", is_flag=True, help="Replace the files that differ from the landed data.")
@click.argument("table", required=False)
def schema(table: str | None, write: bool) -> None:
    """Make the schemas that are missing; show how the others (or that of TABLE) differ from the landed data."""
    from .pipeline import infer

    infer.run(configuration.load(Layout()), Layout(), only=table, write=write)


@main.command()
def pipeline() -> None:
    """Compose conf/, make schemas that are missing, and run the stages that changed, up to the bundle."""
    from .pipeline import whole

    whole.run(Layout())


@main.command()
@click.argument("revision", default="HEAD")
def compare(revision: str) -> None:
    """Metrics, parameters and plots of the workspace beside those of REVISION (HEAD): results/comparison/."""
    from . import comparison

    click.echo(f"compare   {comparison.run(Layout(), revision)}")


@main.command()
@click.argument("question", required=False)
@click.option("--csv", is_flag=True, help="Print the answer as CSV.")
def sql(question: str | None, csv: bool) -> None:
    """Answer an SQL QUESTION about the zones; without one, open DuckDB on them."""
    from . import warehouse

    if question is None:
        warehouse.open_shell(Layout())
    else:
        click.echo(warehouse.ask(question, Layout(), csv=csv), nl=not csv)


@main.command()
@click.argument("prediction", required=False)
@click.option("--version", help="A version of the model, instead of a prediction.")
def lineage(prediction: str | None, version: str | None) -> None:
    """Trace a PREDICTION (its id; default: the newest) back: model, run, settings, data, landed files."""
    from . import lineage as tracing

    click.echo(tracing.trace(configuration.load(Layout()), Layout(), prediction, version))


@main.command()
@click.option("--challenger", is_flag=True, help="Instead: the challenger of a rollout that the feedback calls better.")
def promote(challenger: bool) -> None:
    """Register the trained model; make it champion if it passes the gate."""
    from .retraining import promote as promoting

    config = configuration.load(Layout())
    if not challenger:
        click.echo(promoting.run(config, Layout()).sentence)
        return
    from .monitoring import arms

    verdict = arms.run(config, Layout())
    if verdict is None:
        raise ProjectError("No challenger runs beside the champion: `make deploy STRATEGY=canary` starts one.")
    click.echo(f"promote   version {promoting.succeeded(Layout(), verdict)} is champion; next: make deploy")


@main.command()
def rollback() -> None:
    """Withdraw the challenger or, where none runs, let the previous champion answer again."""
    from . import deploy as deploying

    click.echo(f"rollback  {deploying.told(deploying.back(Layout()))}")


@main.command()
@click.option("--strategy", type=click.Choice(deployment.STRATEGIES), default="recreate", show_default=True)
@click.option("--share", type=click.FloatRange(0, 100), help="Percent of the users whom the challenger answers.")
@click.option("--hours", type=float, help="How long a ramp takes.")
def deploy(strategy: deployment.Strategy, share: float | None, hours: float | None) -> None:
    """Put the champion's bundle, and a challenger beside it, into deploy/; a running API takes them up."""
    from . import deploy as deploying

    made = deploying.run(configuration.load(Layout()), Layout(), strategy, share, hours)
    click.echo(f"deploy    {deploying.told(made)}")


@main.command()
def status() -> None:
    """Say what is deployed and, where a challenger runs, whether the feedback calls it better."""
    from . import deploy as deploying
    from .monitoring import arms

    click.echo(f"deployed  {deploying.told(deployment.required(Layout()))}")
    verdict = arms.run(configuration.load(Layout()), Layout())
    if verdict:
        click.echo(f"rollout   {arms.told(verdict)}")


@main.group()
def keys() -> None:
    """API keys: kept as hashes in deploy/keys.json, asked for as soon as there is one."""


@keys.command()
@click.argument("owner")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(["predict", "feedback", "operate"]), default=["predict"]
)
def add(owner: str, roles: tuple[Any, ...]) -> None:
    """Make a key for OWNER and print it; it cannot be shown again."""
    from .serving import auth

    click.echo(auth.add(Layout(), owner, roles))


@keys.command()
@click.argument("owner")
def remove(owner: str) -> None:
    """The key of OWNER opens nothing any more."""
    from .serving import auth

    auth.remove(Layout(), owner)
    click.echo(f"keys      {owner} has no key any more")


@main.command()
@click.option("--host", help="Address to listen on; default: serving.host.")
@click.option("--port", type=int, help="Port to listen on; default: serving.port.")
@click.option("--check", is_flag=True, help="Only load what is deployed, let it answer its example, and end.")
def serve(host: str | None, port: int | None, check: bool) -> None:
    """Serve the deployed model over HTTP until interrupted."""
    from .serving import server

    if check:
        for line in server.check(configuration.load(Layout()), Layout()):
            click.echo(f"check     {line}")
        return
    server.serve(configuration.load(Layout()), Layout(), host=host, port=port)


@main.command()
@click.option("--url", help="Where the API answers; default: serving.host and serving.port.")
@click.option(
    "--rows",
    type=click.Path(exists=True, path_type=Path),
    help="JSON file with a list of rows; default: the example of the model.",
)
def predict(url: str | None, rows: Path | None) -> None:
    """Ask the running API for predictions and print the answer."""
    from .serving import client

    serving = configuration.load(Layout()).serving
    click.echo(client.ask(url or f"http://{serving.host}:{serving.port}", rows))


@main.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("target", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--engine", type=click.Choice(["local", "dask", "spark"]), help="Instead of that of conf/engine/.")
def batch(source: Path, target: Path | None, engine: str | None) -> None:
    """Score SOURCE, a CSV or Parquet file or a folder of them, into the folder TARGET (data/batch/<name>)."""
    from . import batch as batches

    batches.run(configuration.load(Layout()), Layout(), source, target, engine)


@main.command("continue")
@click.option("--use", is_flag=True, help="Put the continued model in the place of the trained one.")
def continue_(use: bool) -> None:
    """Let the champion go on learning from what is new, and compare it with the model from scratch."""
    from .retraining import continuation

    click.echo(continuation.run(configuration.load(Layout()), Layout(), use=use))


@main.command()
@click.argument("version")
def reproduce(version: str) -> None:
    """Train a registered version again from its code and data: does it answer the same?"""
    from . import reproduce as reproducing

    click.echo(reproducing.run(Layout(), version))


@main.command()
@click.option("--report/--no-report", default=True, show_default=True, help="Draw Evidently's drift report, too.")
def monitor(report: bool) -> None:
    """Judge the log: drift, quality, performance, alerts. Ends with 3 when something critical is open."""
    from .monitoring import watch

    config, layout = configuration.load(Layout()), Layout()
    watched = watch.run(config, layout)
    if report:
        watch.draw(config, layout, watched)
    click.echo(watched.sentence)
    click.echo(f"monitor   {layout.monitoring / 'index.html'} shows it; so does /monitoring of the API")
    if watched.critical:
        sys.exit(CRITICAL)


@main.command()
def retrain() -> None:
    """Decide whether to retrain; if so: ingest, pipeline, gate, deploy."""
    from .retraining import loop

    failed = loop.run(configuration.load(Layout()), Layout()).failed
    if failed:
        raise ProjectError(failed)


@main.command()
def freshness() -> None:
    """What fresh data is worth: models from older and older rows, asked about the newest ones."""
    from .retraining import freshness as fresh

    click.echo(fresh.run(configuration.load(Layout()), Layout()))


@main.command()
@click.option("--months", type=click.IntRange(1), default=2, show_default=True, help="Months of production to replay.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Rows a second; default: as many as it can.")
@click.option("--seed", type=int, help="Of what is drawn at random; default: seed of conf/.")
@click.option("--fault", "wrong", multiple=True, help="What goes wrong, NAME or NAME:COLUMN; see retraining/faults.py.")
def simulate(months: int, speed: float | None, seed: int | None, wrong: tuple[str, ...]) -> None:
    """Replay the next months through the live API: predict, tell the truth, monitor, decide, retrain."""
    from .retraining import simulation

    simulation.run(configuration.load(Layout()), Layout(), months, wrong=wrong, speed=speed, seed=seed)
