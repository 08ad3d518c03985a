"""What the pages are made from has an answer to everything that the software can say."""

from grid_datastores.domain.errors import Refusal
from guide.messages import messages
from guide.refusals import TO_DO, write


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
