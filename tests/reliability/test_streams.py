"""Standard streams that are closed, full or of another encoding: no command does or reports anything else for it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import httpx
import pytest

from acceptance import warm
from reliability.machine import Machine, Said, finished, folder_of

FOLDER = "数据 é"
FILES = {"中文/😀.csv": b"1,2\n", "é.csv": b"3\n", "next\u0085line.csv": b"4\n"}
ONE = ("--name=data", "--version=1")
MOUNTED = ("--datastore_name=data", "--datastore_version=1")
PLAIN = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
# Where a locale is not installed, PYTHONIOENCODING still says the same of what is printed.
LOCALES = {
    "C": ({"LC_ALL": "C"}, "utf-8"),
    "POSIX without UTF-8": (PLAIN, "ascii"),
    "Latin-1": ({"LC_ALL": "en_US.ISO-8859-1", "PYTHONIOENCODING": "iso-8859-1"}, "iso-8859-1"),
    "Latin-1 without UTF-8": (PLAIN | {"PYTHONIOENCODING": "iso-8859-1:strict"}, "iso-8859-1"),
    "ASCII": ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}, "ascii"),
}
CLOSED = [" ".join(closed) for closed in product(("", "<&-"), ("", ">&-"), ("", "2>&-"))][1:]


@pytest.fixture(autouse=True, scope="module")
def _no_more_loaded() -> Iterator[None]:
    """A loaded process has the streams that it began with: there is one for each way to begin."""
    yield
    warm.end_those_with_a_prefix()


def _typed(machine: Machine, locale: str, *words: str | bytes) -> Said:
    environment, encoding = LOCALES[locale]
    begun = ("env", *(f"{name}={value}" for name, value in environment.items()))
    return finished(machine.start(*words, env=environment, prefix=begun, encoding=encoding))


def _typed_anew(machine: Machine, locale: str, *words: str) -> Said:
    """The same in a process that loads itself, as one does that a person types."""
    environment, encoding = LOCALES[locale]
    return finished(machine.execute(*words, env=environment, encoding=encoding))


def _printed(locale: str, text: str) -> str:
    encoding = LOCALES[locale][1]
    return text.encode(encoding, "backslashreplace").decode(encoding)


@pytest.mark.proves("output-in-every-encoding")
@pytest.mark.parametrize("locale", LOCALES)
def test_every_command_says_what_it_does_in_any_locale(embedded: Machine, locale: str) -> None:
    _does_all(embedded, locale)


def test_every_command_on_a_server_says_what_it_does_in_any_locale(connected: Machine) -> None:
    _does_all(connected, "POSIX without UTF-8")


def _does_all(machine: Machine, locale: str) -> None:
    folder = folder_of(machine.home, FILES, FOLDER)

    def typed(*words: str) -> str:
        return _typed(machine, locale, *words).done()

    def read(*words: str) -> object:
        return json.loads(typed(*words, "-o", "json"))

    created = json.loads(
        _typed_anew(machine, locale, "datastore", "create", FOLDER, "--name=data", "-o", "json").done()
    )
    assert created["spec"]["source"] == str(folder)
    assert "Created version 2" in typed("datastore", "create", FOLDER, "--name=data")
    shown = _printed(locale, str(folder))
    assert shown in typed("datastore")
    assert shown in typed("datastore", "show", *ONE)
    assert str(folder) in json.dumps(read("datastore"), ensure_ascii=False)
    assert str(folder) in json.dumps(read("datastore", "show", *ONE), ensure_ascii=False)
    listed = typed("datastore", "files", *ONE)
    assert all(_printed(locale, path.replace("\u0085", "\\x85")) in listed for path in FILES), listed
    assert [file["path"] for file in json.loads(typed("datastore", "files", *ONE, "-o", "json"))] == sorted(FILES)

    mounted = "/数据/é"
    assert _printed(locale, mounted) in typed("session", "create", "s", *MOUNTED, f"--datastore_mount_dir={mounted}")
    assert _printed(locale, mounted) in typed("session")
    assert mounted in json.dumps(read("session", "list"), ensure_ascii=False)
    _typed(machine, locale, "datastore", "delete", *ONE).refused("in use by Session s")
    typed("session", "delete", "s")
    script = 'cat "$GRID_DATASTORE_DATA/中文/😀.csv"'
    assert typed("run", "--name=r", *MOUNTED, "--", "sh", "-c", script) == "1,2\n"
    assert "r" in typed("status", "--all")
    assert read("status", "--all")

    assert _printed(locale, "下载") in typed("datastore", "download", *ONE, "--to", "下载")
    there = machine.home / "下载"
    assert {path.relative_to(there).as_posix(): path.read_bytes() for path in there.rglob("*.csv")} == FILES
    assert json.loads(typed("datastore", "delete", *ONE, "-o", "json"))["source"] == str(folder)
    assert "Deleted version 2" in typed("datastore", "delete", "--name=data", "--version=2")


@pytest.mark.parametrize("locale", LOCALES)
def test_every_refusal_is_told_in_any_locale(embedded: Machine, locale: str) -> None:
    _typed(embedded, locale, "datastore", "create", "没有").refused(_printed(locale, "没有"), code=2)
    said = _typed(embedded, locale, "datastore", "show", "--name=没有", "--version=1")
    said.refused("is not a valid datastore name", _printed(locale, "没有"), code=2)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_name_that_is_not_utf_8_is_printed(embedded: Machine, locale: str) -> None:
    embedded.create(folder_of(embedded.home, {"a.csv": b"1"}))
    said = _typed(embedded, locale, "datastore", "download", *ONE, b"--to=copy\xff")
    assert said.done() == "Downloaded version 1 of data to copy\\udcff: 1 file, 1 byte.\n"
    assert Path(os.fsdecode(bytes(embedded.home) + b"/copy\xff/a.csv")).read_bytes() == b"1"


def _closing(machine: Machine, closed: str, *words: str) -> Said:
    """What the command says with these streams closed."""
    return machine.run(*words, prefix=("sh", "-c", f'exec "$@" {closed}', "sh"))


def _closing_anew(machine: Machine, closed: str, *words: str) -> Said:
    """The same in a process that loads itself, as one does that a person types."""
    return finished(machine.execute("-c", f'exec "$0" "$@" {closed}', machine.grid, *words, executable="/bin/sh"))


@pytest.mark.proves("closed-streams")
@pytest.mark.parametrize("closed", CLOSED)
def test_a_command_with_closed_streams_does_what_it_does(embedded: Machine, closed: str) -> None:
    _does_what_it_does(embedded, closed)


def test_a_command_on_a_server_with_closed_streams_does_what_it_does(connected: Machine) -> None:
    _does_what_it_does(connected, "<&- >&- 2>&-")


def _does_what_it_does(machine: Machine, closed: str) -> None:
    folder = folder_of(machine.home, {"a.csv": b"1"})
    machine.create(folder)
    lost = ">&-" in closed.split()
    changed = 3 if lost else 0

    def typed(*words: str, anew: bool = False) -> int:
        said = (_closing_anew if anew else _closing)(machine, closed, *words)
        assert "Traceback" not in said.err, said
        assert "GRID_DEBUG" not in said.err, said
        assert ("standard output is closed" in said.err) == (said.code == 3 and "2>&-" not in closed), said
        return said.code

    run = ("run", "--name=r", *MOUNTED, "--")
    assert [typed(*run, "sh", "-c", "exit 5"), typed(*run, "true")] == [5, 0]
    states = json.loads(machine.run("status", "--all", "-o", "json").done())["runs"]
    assert [item["status"]["phase"].rpartition("_")[2] for item in states] == ["FAILED", "SUCCEEDED"]
    for words in (("datastore",), ("session",), ("status",), ("datastore", "files", *ONE), ("--help",)):
        assert typed(*words) == 0
    assert typed("datastore", "create", "source", "--name=data", anew=True) == changed
    assert typed("session", "create", "s", *MOUNTED) == changed
    assert typed("datastore", "delete", *ONE) == 1
    assert typed("datastore", "delete", "--name=data") == 2
    assert typed("datastore", "delete", "--name=data", "--version=2") == changed
    assert typed("datastore", "download", *ONE) == changed
    assert (machine.home / "data-1" / "a.csv").read_bytes() == b"1", "nothing was written into what is kept"
    assert machine.phases() == [(1, "SUCCEEDED")]


def test_a_key_that_cannot_be_read_is_missing(embedded: Machine) -> None:
    words = ("login", "--url=http://127.0.0.1:9", "--username=ana", "--key=-")
    _closing(embedded, "<&-", *words).refused("Give your API key", code=2)


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_a_server_serves_although_its_link_cannot_be_printed(embedded: Machine, redirected: str) -> None:
    command = f'exec "$0" serve --port 0 {redirected}'
    with embedded.execute("-c", command, embedded.grid, executable="/bin/sh") as process:
        try:
            assert process.stderr
            said = process.stderr.readline()
            found = re.match(r"Grid Datastores is running at (http://\S+)\. The result could not be printed: .*", said)
            assert found, said
            assert said.endswith(" Create a new key with: grid user key admin\n")
            assert httpx.get(f"{found[1]}/sign-in").is_success
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def test_a_key_that_cannot_be_printed_can_be_made_again(embedded: Machine) -> None:
    for begin, words in (
        (embedded.execute, ("add", "ben")),  # as a person types it
        (embedded.start, ("add", "eve", "-o", "json")),
        (embedded.start, ("key", "ben")),
    ):
        with Path("/dev/full").open("w") as full:
            said = finished(begin("user", *words, stdout=full))
        assert said.code == 3, said
        assert said.err.endswith(
            "The result could not be printed: no space left on device."
            f" Create a new key with: grid user key {words[1]}\n"
        )
    assert embedded.run("user", "list").done().count("\n") == 3


def test_a_message_that_cannot_be_printed_changes_no_exit_code(embedded: Machine) -> None:
    machine = embedded
    machine.create(folder_of(machine.home, {"a.csv": b"1"}))
    commands = [(("datastore", "show", "--name=no", "--version=1"), 1), (("datastore", "show"), 2), (("datastore",), 0)]
    with Path("/dev/full").open("w") as full:
        for words, code in commands:
            assert finished(machine.start(*words, stderr=full)).code == code
        both = finished(machine.execute("datastore", "delete", *ONE, stdout=full, stderr=full))
    assert both.code == 3
    assert machine.phases() == []
