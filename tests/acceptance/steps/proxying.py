"""What stands between people and the server."""

from __future__ import annotations

from pytest_bdd import given

from acceptance.tls_proxy import NAME, free_port, tls_proxy
from acceptance.world import World
from debian import needed
from nginx import find_nginx, missing


@given("the server stands behind a proxy that speaks TLS")
def behind_tls(world: World) -> None:
    server = world.own_server()
    if find_nginx() is None:
        assert not needed(), missing()
        world.evidence.not_run(missing())
    port = free_port()
    world.operate({"GRID_PUBLIC_URL": f"https://127.0.0.1:{port}"})
    proxy = world.cleanups.enter_context(tls_proxy(world.home.parent / "proxy", server.url, port))
    world.evidence.rename(proxy.url, f"https://{NAME}")
    world.surface.move(proxy.url, proxy.authority)
