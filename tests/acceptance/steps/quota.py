"""The quota, and what the operator sets."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from acceptance.world import World


@given(parsers.parse("the operator allows {count:d} versions"))
def operator_allows(world: World, count: int) -> None:
    world.operate({"GRID_QUOTA": str(count)})


@given(parsers.parse("the operator lets uploads expire after {seconds:d} seconds"))
def operator_expires_uploads(world: World, seconds: int) -> None:
    world.operate({"GRID_UPLOAD_EXPIRY": str(seconds)})


@given(parsers.parse("the operator lets a Run miss its heartbeat for {seconds:d} seconds"))
def operator_sets_lease(world: World, seconds: int) -> None:
    world.lease = seconds
    world.operate({"GRID_LEASE": str(seconds)})


@given(parsers.parse('version {number:d} of "{name}" was used after all others'))
def was_used_last(world: World, name: str, number: int) -> None:
    session = world.real("just-looking")
    assert world.arrange.mount(session, world.real(name), number).done
    assert world.arrange.end(session).done


@when("I ask for my quota")
def ask_for_quota(world: World) -> None:
    world.own_server_or_folder()  # another one's operator may have set another limit
    world.quota_before = world.surface.quota_limit()


@when(parsers.parse('I try to upload the raw penguin data to "{name}"'))
def try_to_upload(world: World, name: str) -> None:
    world.look()
    world.do(world.surface.upload(world.real(name), world.variations()[0]))


@then(parsers.parse("I may have {count:d} versions"))
def may_have(world: World, count: int) -> None:
    assert world.quota_before == count


@then(
    parsers.parse(
        'I am told to delete version {first:d} of "{first_name}", or else version {second:d} of "{second_name}"'
    )
)
def told_to_delete(world: World, first: int, first_name: str, second: int, second_name: str) -> None:
    wanted = [(world.real(first_name), first), (world.real(second_name), second)]
    assert world.surface.offered(world.last) == wanted
