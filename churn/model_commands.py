"""`churn models`: the bundles in the folder of models, looked at, compared and switched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from churn import bundle
from churn import settings as configuration
from churn.errors import ChurnError

app = typer.Typer(no_args_is_help=True, help="List, show, verify, compare and switch models.")

Version = Annotated[str, typer.Argument(help="A version, or current.")]
Models = Annotated[Path | None, typer.Option(help="Folder of model bundles; by default the setting models.")]

FIGURES = ("auc", "pr_auc_over_base", "lift_at_10", "brier_skill", "ece", "n", "positives", "base_rate")


def _folder(models: Path | None) -> Path:
    return models or configuration.load().models


@app.command("list")
def list_(models: Models = None) -> None:
    """Every version, oldest first; the current one has a star.

    Example: churn models list
    """
    folder = _folder(models)
    current = (folder / bundle.CURRENT).resolve().name
    for version in versions(folder):
        try:
            card = bundle.load(folder, version).card
            with bundle.reading(version):
                kinds = ", ".join(f"{outcome} by {model['kind']}" for outcome, model in card["models"].items())
                state = f"{kinds}; {card['data']['users']:,} users, {card['data']['days']:g} days"
        except ChurnError as error:
            state = str(error)
        typer.echo(f"{'*' if version == current else ' '} {version}  {state}")


def versions(folder: Path) -> list[str]:
    """The versions in a folder of models, oldest first; what is being built is left out."""
    if not folder.is_dir():
        return []
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."
    )


@app.command()
def show(
    version: Version = bundle.CURRENT,
    as_json: Annotated[bool, typer.Option("--json", help="The whole card.")] = False,
    models: Models = None,
) -> None:
    """What a model is and how good it was on users and dates it had never seen.

    Example: churn models show current --json
    """
    held = bundle.load(_folder(models), version)
    if as_json:
        typer.echo(json.dumps(held.card, indent=2))
        return
    with bundle.reading(held.version):
        data = held.card["data"]
        head = f"{held.version}, made of {data['events']:,} events of {data['users']:,} users"
        beware = [f"Beware: {line}" for line in held.card.get("beware", ())]
        lines = [head, *table(held.card["metrics"]["test"]), *beware]
    typer.echo("\n".join(lines))


def table(metrics: dict[str, Any]) -> Iterator[str]:
    """Figures for people, a line each."""
    for outcome, figures in metrics.items():
        yield outcome
        yield from (f"  {name:<18} {_said(figures.get(name))}" for name in FIGURES)


@app.command()
def use(version: Version, models: Models = None) -> None:
    """Make a version the current one, if it is whole and fits this release.

    Example: churn models use 20181112T101500000000Z
    """
    folder = _folder(models)
    held = bundle.load(folder, version)
    held.require_models()
    bundle.use(folder, held.version)
    typer.echo(f"{held.version} is the current one.")


@app.command()
def verify(version: Version = bundle.CURRENT, models: Models = None) -> None:
    """Check that a bundle holds all it needs, every file against its manifest, and its features against this release.

    Example: churn models verify
    """
    held = bundle.load(_folder(models), version)
    held.require_models()
    typer.echo(f"{held.version}: {len(bundle.manifest(held.path))} files are as they were made, and it fits.")


@app.command()
def compare(first: Version, second: Version, models: Models = None) -> None:
    """Two models' figures side by side.

    Example: churn models compare 20181101T101500000000Z current
    """
    folder = _folder(models)
    left, right = bundle.load(folder, first), bundle.load(folder, second)
    with bundle.reading(f"{left.version} or {right.version}"):
        lines = [f"{'':<26} {left.version:<24} {right.version}"]
        lines += [f"{name:<26} {one:<24} {other}" for name, one, other in _pairs(left.card, right.card)]
        if left.card["data"]["sum"] != right.card["data"]["sum"]:
            lines.append("They were tested on different logs: `churn evaluate` puts both on one.")
    typer.echo("\n".join(lines))


def _pairs(left: dict[str, Any], right: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for outcome in left["metrics"]["test"]:
        for name in FIGURES:
            ours, theirs = (card["metrics"]["test"].get(outcome, {}).get(name) for card in (left, right))
            yield f"{outcome} {name}", _said(ours), _said(theirs)


def _said(figure: Any) -> str:
    """A figure with its interval, for people."""
    if isinstance(figure, dict):
        if figure["low"] is None:
            return f"{figure['value']:.3f}"
        return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
    return "-" if figure is None else f"{figure:,}" if isinstance(figure, int) else f"{figure:.3f}"
