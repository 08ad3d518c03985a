"""What the pages are made from has an answer to everything that the software can say."""

from grid_datastores.domain.errors import Refusal
from guide.messages import messages
from guide.refusals import TO_DO, write
from guide.values import duration, number, size


def test_the_catalogue_of_errors_says_of_every_refusal_what_to_do() -> None:
    assert set(TO_DO) == set(Refusal.__subclasses__())
    page = write()
    for refusal in Refusal.__subclasses__():
        assert f"### `{refusal.reason}`" in page


def test_every_refusal_has_an_example_that_the_software_gives() -> None:
    said = messages()
    assert set(said) == set(Refusal.__subclasses__())
    assert all(said.values())
    assert messages() == said  # the page is the same whenever it is made


def test_values_read_as_prose() -> None:
    assert [duration(seconds) for seconds in (86400, 7200, 3600, 90, 1)] == [
        "a day",
        "two hours",
        "an hour",
        "90 seconds",
        "a second",
    ]
    assert [number(count) for count in (0, 10, 63, 1_000_000)] == ["no", "ten", "63", "1,000,000"]
    assert [size(count) for count in (5 * 1024**3, 1536 * 1024, 7)] == ["5 GiB", "1,536 KiB", "7 bytes"]
