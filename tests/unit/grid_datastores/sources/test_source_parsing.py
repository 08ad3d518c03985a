"""What was typed becomes a source, or one sentence that says why not (rules source-kinds, source-name)."""

import pytest

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.sources import parse_source
from grid_datastores.sources.parse import split_bucket


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/penguins.zip",
        "http://example.com/penguins.tar.gz",
        "http://example.com:8080/a/b/penguins.tgz",
        "HTTPS://EXAMPLE.COM/PENGUINS.ZIP",
        "https://example.com/penguins.zip?token=abc&x=/y.txt",
        "https://example.com/penguins.zip#part",
        "https://[2606:4700::1111]/penguins.zip",
    ],
)
def test_a_url_of_an_archive_is_an_archive_kept_as_it_was_typed(text: str) -> None:
    assert parse_source(text) == Source(SourceKind.ARCHIVE, text)


@pytest.mark.parametrize("text", ["s3://birds", "s3://birds/", "s3://birds/a/b", "s3://birds/a/b/", "S3://birds/a"])
def test_a_bucket_is_copied_unless_it_is_only_referenced(text: str) -> None:
    assert parse_source(text) == Source(SourceKind.BUCKET, text)
    assert parse_source(text, no_copy=True) == Source(SourceKind.REFERENCE, text)


@pytest.mark.parametrize("text", ["data", "./data", "/srv/a:b", "penguins.zip", "C:/data", "s3:/birds", "~/x", "a//b"])
def test_what_has_no_scheme_is_a_path(text: str) -> None:
    assert parse_source(text) == Source(SourceKind.FILES, text)


@pytest.mark.parametrize("text", ["ftp://example.com/a.zip", "file:///etc/a.zip", "gs://birds/a", "git+ssh://h/a.zip"])
def test_another_scheme_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"cannot be made from {text.split('://')[0]}://".replace("+", r"\+")):
        parse_source(text)


@pytest.mark.parametrize(
    "text",
    ["https://example.com/", "https://example.com/data.csv", "https://example.com/data?file=a.zip", "http://h/zip"],
)
def test_a_url_that_is_no_archive_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="must end in"):
        parse_source(text)


@pytest.mark.parametrize(
    "text",
    [
        "https:///a.zip",
        "https://example.com:port/a.zip",
        "https://exa mple.com/a.zip",
        "https://example.com/a\n.zip",
        "https://example.com\\@evil.example/a.zip",
        "https://[::1/a.zip",
    ],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_source(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://ann:hunter2@example.com/a.zip",
        "https://hunter2@example.com/a.csv",
        "s3://key:hunter2@birds/a",
        "ftp://ann:hunter2@example.com/a.zip",
        "https://ann:hunter2@[::1/a.zip",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput, match="Leave the user name and password out") as refused:
        parse_source(text)
    assert "hunter2" not in refused.value.message


def test_an_at_sign_in_the_path_is_no_password() -> None:
    assert parse_source("https://example.com/team@work/a.zip").kind is SourceKind.ARCHIVE
    assert parse_source("s3://birds/team@work").kind is SourceKind.BUCKET


def test_a_secret_in_a_query_is_not_repeated_in_a_refusal() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_source("https://example.com/a.csv?signature=hunter2#hunter2")
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("text", ["s3://", "s3:///a"])
def test_a_bucket_address_without_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="bucket is missing"):
        parse_source(text)


@pytest.mark.parametrize(
    "text", ["s3://Birds/a", "s3://b/a", "s3://birds_x", "s3://a..b", "s3://birds.example.com:80/x"]
)
def test_what_cannot_be_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a bucket"):
        parse_source(text)


@pytest.mark.parametrize("text", ["s3://birds//a", "s3://birds/a//b", "s3://birds/../a", "s3://birds/a/."])
def test_what_cannot_be_a_folder_of_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a folder of a bucket"):
        parse_source(text)


@pytest.mark.parametrize("text", ["data", "https://example.com/a.zip", "http://example.com/a.tgz"])
def test_only_a_bucket_can_be_referenced(text: str) -> None:
    with pytest.raises(InvalidInput, match="Only a bucket can be referenced"):
        parse_source(text, no_copy=True)


@pytest.mark.parametrize(
    ("location", "parts"),
    [
        ("s3://birds", ("birds", "")),
        ("s3://birds/", ("birds", "")),
        ("s3://birds/a/b/", ("birds", "a/b")),
        ("s3://birds/what?#%20", ("birds", "what?#%20")),
    ],
)
def test_a_bucket_address_is_a_bucket_and_a_prefix(location: str, parts: tuple[str, str]) -> None:
    assert split_bucket(location) == parts
