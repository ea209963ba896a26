"""`python -m benchmark run`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli import words

if TYPE_CHECKING:
    from benchmark.cli.talk import Talk
    from benchmark.core.exit_status import ExitStatus
    from benchmark.run import PreparedRun


def run(
    suite: Annotated[
        str,
        typer.Option(help="A suite that ships with medrobust, or your own .toml file.", autocompletion=words.suites),
    ],
    profile: Annotated[
        str,
        typer.Option(
            help="quick (minutes on two cores), standard (hours, or a GPU), large or paper.",
            autocompletion=words.profiles,
        ),
    ] = "quick",
    out: Annotated[str | None, typer.Option(help="Run folder; by default runs/SUITE-PROFILE.")] = None,
    data: Annotated[
        str, typer.Option(help="auto for the suite's data, or the name of a data set.", autocompletion=words.data_sets)
    ] = "auto",
    data_root: Annotated[Path | None, typer.Option(help="Where data are; by default $MEDROBUST_DATA.")] = None,
    defense: Annotated[list[str] | None, typer.Option(help="Only defenses whose label matches this glob.")] = None,
    attack: Annotated[list[str] | None, typer.Option(help="Only attacks whose label matches this glob.")] = None,
    detector: Annotated[list[str] | None, typer.Option(help="Only detectors whose label matches this glob.")] = None,
    plugin: Annotated[list[str] | None, typer.Option(help="A plug-in file or module; may be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=10**9, help="At most this many evaluation images.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="Seed; by default the suite's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
    batch_size: Annotated[str, typer.Option(help="Images at a time, or auto.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace the board of another suite or profile.")] = False,
    step_timeout: Annotated[
        float | None, typer.Option(min=0.1, max=1e9, help="Seconds after which a step that is not done is an error.")
    ] = None,
    fail_below: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="End with status 4 where a ranked row keeps a smaller share in the worst case."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say no more than results, warnings and errors.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line for every step and every two seconds of it.")
    ] = False,
    log_file: Annotated[
        Path | None, typer.Option(help="Add everything that is said, with its time, to this text file.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the cells with estimates, and stop.")] = False,
) -> None:
    """Run a suite's grid of defenses, attacks and detectors, and publish its leaderboard.

    A run that was interrupted goes on where it stopped; a finished one only prints its tables.

    Exit status 0 where all went well, 1 where something on the board is an error, 2 where nothing was begun because of
    wrong input or the run could not go on, 3 where all went well on drawn images that stood in for a shipped suite's
    data, 4 where a row is below --fail-below, 130 interrupted (143 terminated, 129 hung up).
    """
    from benchmark.cli.log_file import logging_to
    from benchmark.cli.talk import Talk
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError, did_you_mean
    from benchmark.core.exit_status import ExitStatus
    from benchmark.planning.plan import Selection
    from benchmark.run import RunRequest, prepare
    from benchmark.suites.suite import PROFILES

    if profile not in PROFILES:
        raise UserError(f"unknown profile {profile!r}", where="--profile", remedy=did_you_mean(profile, list(PROFILES)))
    if step_timeout is not None and math.isnan(step_timeout):
        raise UserError("nan is no number of seconds", where="--step-timeout", remedy="give a number, or leave it out")
    if fail_below is not None and math.isnan(fail_below):
        raise UserError("nan is no share", where="--fail-below", remedy="give a number from 0 to 1, or leave it out")
    if out is not None and (not out.strip() or "\0" in out):
        raise UserError(f"{out!r} is no folder", where="--out", remedy="give a folder, or leave it out")
    if quiet and verbose:
        raise UserError("--quiet and --verbose together", where="--verbose", remedy="leave one of them out")
    load_plugins(plugin or ())
    selection = Selection(tuple(defense or ()), tuple(attack or ()), tuple(detector or ()), limit, seed)
    folder = None if out is None else Path(out)
    request = RunRequest(suite, profile, folder, data, data_root, selection, device, batch_size, force, step_timeout)
    with logging_to(log_file) as log:
        talk = Talk(quiet=quiet, verbose=verbose, log=log)
        prepared = prepare(request)
        _announce(prepared, talk)
        if dry_run:
            _estimate(prepared)
            status = ExitStatus.STAND_IN if prepared.stands_in else ExitStatus.DONE
        else:
            status = _run(prepared, talk, fail_below)
    if status:
        raise typer.Exit(status)


def _run(prepared: PreparedRun, talk: Talk, fail_below: float | None) -> ExitStatus:
    """Compute what is missing, print the board, and say how it ended."""
    from benchmark.cli.console import print_board
    from benchmark.core.exit_status import ExitStatus
    from benchmark.records.run_folder import check_writable
    from benchmark.run import execute
    from benchmark.steps.strangers import strangers
    from leaderboard.publish import publish
    from leaderboard.robustness.floor import below_floor

    check_writable(prepared.out)
    steps, told = prepared.plan.steps, talk.tells_what_remains
    alone = [step.key for step in steps if told and strangers(step)]
    progress = talk.progress(len(steps), _expected(prepared) if told else {}, alone)
    tally = execute(prepared, publish, lambda text: talk.note(f"note: {text}"), progress=progress)
    board = print_board(prepared.out)
    failed = board.failures()
    talk.result(f"{len(tally.computed)} steps computed, {len(tally.reused)} reused, {len(tally.failed)} failed")
    talk.result(f"Leaderboard: {prepared.out / 'leaderboard.md'}")
    for problem in failed:
        talk.warn(f"error: {problem}")
    if tally.failed or failed:
        return ExitStatus.SOME_FAILED
    low = [] if fail_below is None else below_floor(board.robustness, fail_below)
    for line in low:
        talk.warn(line)
    if low:
        return ExitStatus.BELOW_FLOOR
    return ExitStatus.STAND_IN if prepared.stands_in else ExitStatus.DONE


def _announce(prepared: PreparedRun, talk: Talk) -> None:
    data = prepared.data
    if data.phantom:
        talk.warn("PHANTOM DATA: drawn images, no patients. Results say nothing about real ones.", bold=True)
    talk.note(f"{prepared.suite.title}, {prepared.suite.profile} profile, {data.title} on {prepared.device}")
    for note in data.notes:
        talk.note(f"note: {note}")
    rehearsal = prepared.plan.rehearsal
    if rehearsal is not None and rehearsal.quality is not None:
        talk.note(
            f"classifier: used as it is, weights {rehearsal.weights[:16]}; on clean validation images: "
            f"{rehearsal.quality}"
        )
        if rehearsal.quality.doubt:
            talk.warn(f"warning: {rehearsal.quality.doubt}", bold=True)


def _expected(prepared: PreparedRun) -> dict[str, float]:
    """Seconds of the steps that are not finished, by key."""
    from benchmark.planning.estimate.costs import Costs
    from benchmark.planning.estimate.measure import Machine
    from benchmark.records.store import Store

    store = Store(prepared.out)
    machine = Machine(prepared.data, prepared.device, prepared.batch_size)
    return Costs(prepared.plan, machine).by_step(lambda step: not store.has(step.key))


def _estimate(prepared: PreparedRun) -> None:
    """Print every cell with its passes and the time that it takes here, and what takes longest."""
    from tabulate import tabulate

    from benchmark.cli.console import print_document, say
    from benchmark.core.harmless import line
    from benchmark.planning.estimate.cells import estimated
    from benchmark.planning.estimate.costs import Costs
    from benchmark.planning.estimate.measure import Machine

    machine = Machine(prepared.data, prepared.device, prepared.batch_size)
    found = estimated(prepared.plan, Costs(prepared.plan, machine).by_step(), at_once=machine.at_once)
    headers = ["table", "defense", "attack", "detector", "forwards", "backwards", "about"]
    print_document(tabulate([[*map(line, row)] for row in found.rows], headers, tablefmt="simple"))
    together = f", {machine.at_once} steps side by side," * (machine.at_once > 1)
    say(f"{len(found.rows)} cells, about {found.total} on {prepared.device}{together} at its present load")
    say(f"longest: {', '.join(found.largest)}")
    if found.unmeasured:
        say(f"not in it, since it could not be measured: {', '.join(found.unmeasured)}")
