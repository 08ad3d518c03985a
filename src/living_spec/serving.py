"""`living-spec serve`: the pages at once, with the results of the run as they arrive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from living_spec.config import SpecError, find_config
from living_spec.prose.facts import fact_digests, judge_test, proving_tests, read_results
from living_spec.store import publish_pictures, read_proof

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from living_spec.config import Config

_LARGEST_PORT = 65535
_POLL_INTERVAL = 0.1  # seconds
_GRACE_PERIOD = 30  # seconds in which a child ends after it was interrupted


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--address", metavar="HOST:PORT", default="127.0.0.1:8000", show_default=True)
@click.argument("pytest_options", nargs=-1, type=click.UNPROCESSED)
def serve(address: str, pytest_options: tuple[str, ...]) -> None:
    """Serve the pages, run what has no fresh result, and renew the pages after each surface.

    The pages show the results of earlier runs, and "not run yet" where there is none. Other arguments go to pytest. It
    serves until you stop it with Ctrl-C.
    """
    config = find_config(Path.cwd())
    _check_free(address)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where the shell ignores SIGINT: its children would, too
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), _builder(config, address) as builder:
        _wait_for_first_build(builder, address)
        click.echo(f"The site is at http://{address} (stop it with Ctrl-C).")
        codes = [_run(config, name, (*selection, *pytest_options)) for name, selection in _missing(config)]
        outcome = "Some tests failed: see above." if any(codes) else "All results are fresh."
        click.echo(f"{outcome} The pages follow your changes to them.")
        raise SpecError(f"mkdocs ended with exit code {builder.wait()}.")


def _run(config: Config, name: str, options: Sequence[str]) -> int:
    """Run pytest and renew the pictures; return the exit code. The builder sees the new evidence by itself."""
    click.echo(f"Running {name} …")
    with _child(["-m", "pytest", "--quiet", *options]) as run:
        code = run.wait()
    publish_pictures(config)
    return code


def _missing(config: Config) -> Iterator[tuple[str, Sequence[str]]]:
    """Each surface without fresh results, then the proving tests: a description, and arguments of pytest."""
    proof = read_proof(config)
    for surface in proof.required(config.first_edition):
        verdicts = (proof.scenario(one, surface, config.first_edition) for one in proof.spec.scenarios.values())
        if any(verdict.unproven for verdict in verdicts):
            tests = [str(config.tests)] if config.tests else []
            yield f"the scenarios on {config.surfaces[surface]}", [*tests, "--surface", surface]
    tests_of_facts = proving_tests(config)
    digests, results = fact_digests(config, tests_of_facts), read_results(config)
    if any(not judge_test(results.get(test.name), digests[test.name]).proves for test in tests_of_facts):
        yield "the tests that prove sentences", ["-m", "proves"]


def _check_free(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LARGEST_PORT:
        raise click.UsageError(f"{address!r} is no address. Give HOST:PORT, for example 127.0.0.1:8000.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise SpecError(
                f"Cannot serve at {address}: {error.strerror}. Choose another address with --address."
            ) from error


@contextmanager
def _builder(config: Config, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """MkDocs, which builds and serves the pages, and builds them again when the evidence or a source changes."""
    config.evidence.mkdir(parents=True, exist_ok=True)
    publish_pictures(config)
    sources = [config.evidence, config.features, *([config.prose.bindings] if config.prose else [])]
    watched = [argument for source in sources if source.exists() for argument in ("--watch", str(source))]
    with _child(["-m", "mkdocs", "serve", "--quiet", "--dev-addr", address, *watched]) as builder:
        yield builder


def _wait_for_first_build(builder: subprocess.Popen[bytes], address: str) -> None:
    host, _, port = address.rpartition(":")
    while True:
        if builder.poll() is not None:
            raise SpecError(f"The pages could not be built: mkdocs ended with exit code {builder.returncode}.")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(_POLL_INTERVAL)


@contextmanager
def _child(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process in a process group of its own, interrupted once at the end if it still runs."""
    child = subprocess.Popen([sys.executable, *arguments], start_new_session=True)  # noqa: S603
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGINT)
            try:
                child.wait(_GRACE_PERIOD)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
