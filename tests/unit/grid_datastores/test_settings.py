"""The table of environment variables: complete, and what each setting does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import grid_datastores
from grid_datastores.domain.errors import InvalidInput
from grid_datastores.settings import STORAGE_URL, VARIABLES, Part, Setting, read_settings
from guide.variables import write

SOURCES = Path(grid_datastores.__file__).parent
NAMES = [variable.name for variable in VARIABLES]
OF_ANY_TEXT = {"GRID_DIR"}
SETTINGS = [variable for variable in VARIABLES if isinstance(variable, Setting)]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GRID_"):
            monkeypatch.delenv(name)


@pytest.mark.proves("every-variable-is-in-the-table")
def test_every_variable_that_the_sources_name_is_in_the_table() -> None:
    """Also in comments and messages. `GRID_DATASTORE_…` is made of a name, for the command of a Run."""
    text = "\n".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))
    named = set(re.findall(r"\b(?:GRID|AWS|SSL)_[A-Z0-9_]+\b|\b[A-Z]+_PROXY\b", text)) - {"GRID_DATASTORE_NAME"}
    assert {name for name in named if not name.startswith("GRID_DATASTORE_")} - set(NAMES) == set()


@pytest.mark.proves("settings-are-read")
def test_every_setting_in_the_table_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example is valid and changes the settings; what is set to nothing counts as not set."""
    plain = read_settings()
    for setting in SETTINGS:
        monkeypatch.setenv(setting.name, "")
        assert read_settings() == plain, setting.name
        if setting is not STORAGE_URL:
            monkeypatch.setenv(setting.name, setting.example.strip("`"))
            assert read_settings() != plain, setting.name
        monkeypatch.delenv(setting.name)


@pytest.mark.proves("storage-url-is-refused")
def test_the_place_of_the_data_cannot_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORAGE_URL.name, "s3://bucket")
    with pytest.raises(InvalidInput, match=f"{STORAGE_URL.name} is set, but the data can only be stored"):
        read_settings()


@pytest.mark.proves("invalid-values-are-named")
@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.name not in OF_ANY_TEXT], ids=lambda one: one.name)
def test_an_invalid_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, setting: Setting[object]
) -> None:
    monkeypatch.setenv(setting.name, "no such value")
    with pytest.raises(InvalidInput, match=setting.name):
        read_settings()


_LISTS = {
    "GRID_ALLOW_SOURCE_HOSTS": "files.internal , 10.0.0.7:8080,\tA_b.example,[::1],[2001:db8::1]:80",
    "GRID_ALLOWED_HOSTS": "grid.internal , 10.0.0.7, ::1",
    "GRID_FORWARDED_ALLOW_IPS": "10.0.0.5 , 192.168.0.0/24",
}


@pytest.mark.proves("hosts-with-spaces-after-commas")
@pytest.mark.parametrize("name", _LISTS)
def test_spaces_beside_commas_do_not_count(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, _LISTS[name])
    spaced = read_settings()
    monkeypatch.setenv(name, "".join(_LISTS[name].split()))
    assert read_settings() == spaced
    monkeypatch.setenv(name, f"{_LISTS[name].replace(',', ' , , ')},")
    assert read_settings() == spaced, "an entry can be empty"
    monkeypatch.delenv(name)
    assert read_settings() != spaced


@pytest.mark.proves("malformed-hosts-refused")
@pytest.mark.parametrize("name", _LISTS)
@pytest.mark.parametrize("text", ["a b", "a;b", "http://a", "a/b", "*.a", "ä", "a:x", "a:0", "[::1", "::x"])
def test_an_entry_that_no_host_can_match_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(InvalidInput, match=rf"^{name} has '.*', which is not .*with commas, for example"):
        read_settings()


@pytest.mark.parametrize("text", ["grid.internal:8000", "[::1]", "[::1]:80"])
def test_a_host_that_the_server_answers_to_has_no_port(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GRID_ALLOWED_HOSTS", text)
    with pytest.raises(InvalidInput, match="GRID_ALLOWED_HOSTS has"):
        read_settings()


@pytest.mark.parametrize("text", ["a:65536", "[::1]:65536"])
def test_a_port_of_a_source_is_one(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GRID_ALLOW_SOURCE_HOSTS", text)
    with pytest.raises(InvalidInput, match="GRID_ALLOW_SOURCE_HOSTS has"):
        read_settings()


@pytest.mark.proves("tables-of-variables-are-generated")
def test_the_table_says_the_default_that_counts() -> None:
    for setting in SETTINGS:
        if isinstance(setting.default, int):
            assert setting.unset.split()[0] == str(setting.default), setting.name
        if setting.default == ():
            assert setting.unset == "none", setting.name


@pytest.mark.proves("tables-of-variables-are-generated")
def test_the_page_has_each_variable_once() -> None:
    page = write()
    assert re.findall(r"^\| `([A-Z0-9_]+)` \|", page, re.MULTILINE) == [
        variable.name for part in Part for variable in VARIABLES if variable.part is part
    ]
    assert len(set(NAMES)) == len(NAMES)
    for part in Part:
        assert f"### {part}" in page
