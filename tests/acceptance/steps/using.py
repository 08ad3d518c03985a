"""Sessions and Runs, and what they hold."""

from __future__ import annotations

import re

from pytest_bdd import given, parsers, then, when

from acceptance.world import World

_MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@given(parsers.parse('version {number:d} of "{name}" is mounted into the Session "{session}"'))
@when(parsers.parse('version {number:d} of "{name}" is mounted into the Session "{session}"'))
def session_mounts(world: World, name: str, number: int, session: str) -> None:
    outcome = world.arrange.mount(world.real(session), world.real(name), number)
    assert outcome.done, outcome.said


@given(parsers.parse('version {number:d} of "{name}" is mounted into the Run "{run}"'))
def run_mounts(world: World, name: str, number: int, run: str) -> None:
    world.arrange.run(world.real(run), world.real(name), number)


@given(parsers.re(r'the Run "(?P<run>[^"]+)" has (?:been )?(?P<state>succeeded|failed|canceled)$'))
def run_ended(world: World, run: str, state: str) -> None:
    world.arrange.end_run(world.real(run), state)


@when(parsers.parse('I mount version {number:d} of "{name}" into the Session "{session}"'))
def mount(world: World, name: str, number: int, session: str) -> None:
    world.do(world.surface.mount(world.real(session), world.real(name), number))


@when(parsers.parse('I pause the Session "{session}"'))
def pause(world: World, session: str) -> None:
    world.do(world.surface.pause(world.real(session)))
    assert world.last.done, world.last.said


@when(parsers.parse('I resume the Session "{session}"'))
def resume(world: World, session: str) -> None:
    world.do(world.surface.resume(world.real(session)))


@when(parsers.parse('I delete the Session "{session}"'))
def end(world: World, session: str) -> None:
    world.look()
    world.do(world.surface.end(world.real(session)))
    assert world.last.done, world.last.said


@when(parsers.parse('I cancel the Run "{run}"'))
def cancel(world: World, run: str) -> None:
    world.do(world.surface.cancel(world.real(run)))


@then(parsers.parse('my Sessions show that "{session}" is running, with version {number:d} of "{name}"'))
def session_shown(world: World, session: str, number: int, name: str) -> None:
    shown = world.surface.mounts(world.real(session))
    assert "running" in shown, shown
    assert f"version {number} of {world.real(name)}" in shown, shown


@then(parsers.parse('version {number:d} of "{name}" shows that the Session "{session}" uses it'))
def user_shown(world: World, name: str, number: int, session: str) -> None:
    shown = world.surface.users(world.real(name), number)
    assert f"Session {world.real(session)}" in shown, shown
    assert "running" in shown, shown


@then(parsers.parse('version {number:d} of "{name}" shows that nobody uses it'))
def no_user_shown(world: World, name: str, number: int) -> None:
    assert world.surface.users(world.real(name), number) == ""


@then(
    parsers.re(
        r'the refusal names the (?P<kind>Session|Run) "(?P<name>[^"]+)",'
        r" that it is (?P<state>running|paused), since when, and how to release it$"
    )
)
def refusal_names(world: World, kind: str, name: str, state: str) -> None:
    real = re.escape(world.real(name))
    command = f"grid session delete {real}" if kind == "Session" else f"grid cancel {real}"
    only = (
        rf"by {kind} {real} \({state} since {_MOMENT}\)\. The version was not deleted\. To release it: {command}(?!\S)"
    )
    one_of_several = rf"{command}\s+# {kind} {real} \({state} since {_MOMENT}\)"
    assert re.search(f"{only}|{one_of_several}", world.last.said), world.last.said


@then(parsers.parse('the refusal does not name "{name}"'))
def refusal_does_not_name(world: World, name: str) -> None:
    assert world.real(name) not in world.last.said.replace(world.real("my-training-data"), "")


@then(parsers.parse('there is no Session "{session}"'))
def no_session(world: World, session: str) -> None:
    assert world.real(session) not in world.arrange.sessions()
