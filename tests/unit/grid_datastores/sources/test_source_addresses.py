"""Which addresses the server fetches from: no user's URL makes it speak to its own network."""

from contextlib import closing

import httpx
import pytest

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources import addresses
from grid_datastores.sources.addresses import CheckedTransport, Resolve, checked_addresses, is_public, look_up

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e"]
HIDDEN = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fd00:ec2::254"],
    "shared": ["100.64.0.1", "100.100.100.200"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.8", "4000::1", "fec0::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "2001:2::1"],
    "IPv4 in IPv6": ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"],
    "6to4 and Teredo": ["2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378::1", "192.88.99.1"],
    "a cloud's metadata": ["168.63.129.16", "169.254.170.2"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [pytest.param(a, id=f"{kind} {a}") for kind, all_ in HIDDEN.items() for a in all_])
def test_an_address_of_another_kind_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.proves("host-of-a-source-is-checked")
def test_a_host_is_refused_when_one_of_its_addresses_is_not_public() -> None:
    with pytest.raises(SourceFailed, match=r"two-faced.example is not a public address"):
        checked_addresses("two-faced.example", 80, (), lambda host, port: ["8.8.8.8", "10.0.0.1"])


def test_a_refusal_does_not_tell_the_address_of_a_host_inside() -> None:
    with pytest.raises(SourceFailed) as refused:
        checked_addresses("inside.example", 80, (), lambda host, port: ["10.1.2.3"])
    assert "10.1.2.3" not in refused.value.message


def test_a_public_host_gives_the_addresses_that_were_checked() -> None:
    assert checked_addresses("example.com", 443, (), lambda host, port: ["8.8.8.8", "1.1.1.1"]) == [
        "8.8.8.8",
        "1.1.1.1",
    ]


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "::1", "0"]
)
def test_this_machine_is_refused_however_it_is_written(name: str) -> None:
    with pytest.raises(SourceFailed, match=r"is not a public address"):
        checked_addresses(name, 80, (), look_up)


@pytest.mark.parametrize("entry", ["inside.example", "inside.example:8080", "INSIDE.example"])
def test_the_operator_can_allow_a_host_or_one_port_of_it(entry: str) -> None:
    assert checked_addresses("inside.example", 8080, [entry], lambda host, port: ["10.0.0.1"]) == ["10.0.0.1"]


@pytest.mark.parametrize("entry", ["inside.example:8081", "example", "other.inside.example", "10.0.0.1", ""])
def test_allowing_one_host_or_port_allows_no_other(entry: str) -> None:
    with pytest.raises(SourceFailed, match="GRID_ALLOW_SOURCE_HOSTS"):
        checked_addresses("inside.example", 8080, [entry], lambda host, port: ["10.0.0.1"])


@pytest.mark.parametrize("entry", ["[::1]", "[::1]:80"])
def test_an_ipv6_address_is_allowed_in_brackets(entry: str) -> None:
    assert checked_addresses("::1", 80, [entry], lambda host, port: ["::1"]) == ["::1"]


@pytest.mark.parametrize("answer", [OSError("no such name"), UnicodeError("label too long"), None])
def test_an_allowed_host_that_is_not_found_is_told(answer: Exception | None) -> None:
    with pytest.raises(SourceFailed, match=r"The host nowhere.example cannot be found\."):
        checked_addresses("nowhere.example", 80, ["nowhere.example"], _resolver(answer or []))


def _resolver(answer: Exception | list[str]) -> Resolve:
    def resolve(host: str, port: int) -> list[str]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return resolve


@pytest.mark.parametrize("took", [0.0, 0.2, 9.0])
@pytest.mark.proves("hosts-inside-cannot-be-probed")
def test_a_name_inside_and_one_that_does_not_exist_are_refused_alike(
    monkeypatch: pytest.MonkeyPatch, took: float
) -> None:
    refusals = []
    for answer in (["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], OSError("no such name"), UnicodeError("label too long"), []):
        times, waited = iter([100.0, 100.0 + took]), list[float]()
        monkeypatch.setattr(addresses, "monotonic", lambda times=times: next(times))
        monkeypatch.setattr(addresses, "sleep", waited.append)
        transport = CheckedTransport(["other.example"], _resolver(answer))
        with closing(transport), pytest.raises(SourceFailed) as refused:
            transport.handle_request(httpx.Request("GET", "http://name.example/"))
        refusals.append((refused.value.message, waited))
    assert refusals == [refusals[0]] * 5
    assert took + refusals[0][1][0] == pytest.approx(max(took, addresses.REFUSAL_TIME))
    assert "name.example is not a public address, or it does not exist" in refusals[0][0]
