"""Ctrl-C, and servers that stop, in the middle of a change: what is not known is not told as if it were."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reliability.machine import Machine, finished, folder_of, interrupt
from reliability.nonsense import serving
from reliability.test_bad_servers import ONE_VERSION

_DOUBT = "It is unknown whether the change was made. Check with: "
_SESSION = {"id": "s1", "name": "tuning", "createdAt": "2026-01-01T00:00:00Z", "spec": {}, "status": {}}
_MOUNT = ("--datastore_name=data", "--datastore_version=1")
CHANGES = [
    (("datastore", "delete", "--name=data", "--version=1"), "DELETE", "grid datastore"),
    (("datastore", "delete", "--name=data", "--version=1", "--version=1"), "DELETE", "grid datastore"),
    (("session", "create", "tuning", *_MOUNT), "POST", "grid session"),
    (("session", "pause", "tuning"), "PUT", "grid session"),
    (("session", "delete", "tuning"), "DELETE", "grid session"),
    (("cancel", "nightly"), "PUT", "grid status"),
]


def _answers() -> dict[str, object]:
    state = {"spec": {"desiredState": "SESSION_STATE_RUNNING"}, "status": {"phase": "SESSION_STATE_RUNNING"}}
    run = {"spec": {"desiredState": "RUN_STATE_RUNNING"}, "status": {"phase": "RUN_STATE_RUNNING"}}
    return {
        "datastores": [ONE_VERSION],
        "sessions": [{**_SESSION, **state}],
        "runs": [{**_SESSION, **run, "name": "nightly"}],
    }


@contextmanager
def _late(method: str, body: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A server that answers everything but requests of this method, which it only takes; and when it has taken one."""
    taken, done = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not done.is_set():
                connection, _ = listener.accept()
                with connection:
                    asked = connection.recv(65536)
                    if asked.startswith(method.encode()):
                        taken.set()
                        done.wait(60)
                        return
                    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                    connection.sendall(head.encode() + body)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
        done.set()


@pytest.mark.parametrize(("words", "method", "look"), CHANGES)
@pytest.mark.proves("doubt-is-said")
def test_ctrl_c_before_the_answer_of_a_change_is_doubt(
    embedded: Machine, words: tuple[str, ...], method: str, look: str
) -> None:
    with _late(method, json.dumps(_answers()).encode()) as (url, taken):
        process = embedded.start(*words, env={"GRID_URL": url, "GRID_USER_ID": "a", "GRID_API_KEY": "b"})
        assert taken.wait(60)
        interrupt(process, signal.SIGINT)
        said = finished(process)
    said.refused(f"Interrupted. {_DOUBT}{look}")
    assert said.err.endswith(f"{look}\n")


def test_an_upload_whose_answer_is_lost_says_one_thing_to_do(embedded: Machine) -> None:
    folder_of(embedded.home, {"a.csv": b"1"})
    with serving() as nonsense:
        upload = {"key": "k", "uploadId": "u", "urls": [{"partNumber": "1", "url": f"{nonsense.url}/part"}]}
        nonsense.body = json.dumps({**ONE_VERSION, "objects": [upload]}).encode()
        nonsense.special["/completed"] = b"<html>"
        said = embedded.run(
            "datastore",
            *("create", "source", "--name=data"),
            env={"GRID_URL": nonsense.url, "GRID_USER_ID": "a", "GRID_API_KEY": "b"},
        )
    said.refused("v1 API? The upload of version 1 of data is incomplete. Resume it with: grid datastore resume")
    assert "It is not known" not in said.err
