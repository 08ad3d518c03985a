"""What the pages are made from has an answer to everything that the software can say."""

from grid_datastores.domain.errors import Refusal
from guide.refusals import TO_DO, write


def test_the_catalogue_of_errors_says_of_every_refusal_what_to_do() -> None:
    assert set(TO_DO) == set(Refusal.__subclasses__())
    catalogue = write()
    for refusal in Refusal.__subclasses__():
        assert f"### `{refusal.reason}`" in catalogue
