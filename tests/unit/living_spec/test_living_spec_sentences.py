"""How pages are split into sentences, and how bindings are read, written and signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from living_spec.config import Prose, SpecError, find_config
from living_spec.prose.bindings import Binding, Kind, Mark, Reference, read_bindings, written
from living_spec.prose.sentences import sentences
from living_spec.prose.signing import updated
from living_spec.prose.values import with_values

PROSE = Prose(Path("/"), Path("/docs"), (), Path("/proofs"), (), None, ("default", "never"))


def texts(page: str) -> list[str]:
    return [sentence.text for sentence in sentences(page.splitlines())]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("One. Two, e.g. this.\nThree\nlines? Four", ["One.", "Two, e.g. this.", "Three lines?", "Four"]),
        ("A `.zip` file. See [the page](a.md#b.c) (a lot.) Yes.", ["A `.zip` file.", "See the page (a lot.)", "Yes."]),
        ('# A title { #id }\n\n!!! danger "Be careful"\n\n    It is gone.', ["A title", "Be careful", "It is gone."]),
        ("- One\n- Two\n  goes on\n\n1. Three", ["One", "Two goes on", "Three"]),
        ("Term\n:   What it *means*.\n\n    More.", ["Term", "What it *means*.", "More."]),
        ("| A | B |\n| --- | --- |\n| 1 | **two** |", ["A | B", "1 | two"]),
        ("---\ntitle: No\ndescription: It does. So.\n---\n\nText.", ["It does.", "So.", "Text."]),
        ('---\nworkaround: "Type it: `rm a`. Or wait."\n---\n', ["Type it: `rm a`.", "Or wait."]),
        ("```bash\nrm  a\nrm b\n```\nAfter.", ["```bash rm a rm b", "After."]),
        ('::: rule delete-one\n\n--8<-- "x.md"\n\n<!-- a\nb -->\n\nText <b>here</b>.', ["Text here."]),
        ("It takes 1.5 s. Then…  { .css }", ["It takes 1.5 s.", "Then…"]),
        ("In `a. B` it ends. **Bold.** _Next_ one.", ["In `a. B` it ends.", "Bold.", "_Next_ one."]),
        ('=== "CLI"\n\n    Type it.', ["CLI", "Type it."]),
        ('??? note "More"\n!!! tip inline\n=== Nobody reads it.', ["More", "=== Nobody reads it."]),
        ("---\ntitle: It never ends", ["--- title: It never ends"]),
        ("--- \ntitle: No\n... \nText.", ["Text."]),
        ("One. <!-- no\n\n- no --> Two.\nThree.", ["One.", "Two.", "Three."]),
        ('[a]: b.md "c"\n[b]: <c.md>\n[Note]: It is kept.', ["[Note]: It is kept."]),
        ('--8<-- "x.md"\n--8<-- It is kept.\n{ .css }\n{ It is }', ["--8<-- It is kept.", "{ It is }"]),
        ("```bash\nIt never ends.", ["```bash It never ends."]),
        ("- A\n\t- B\n\t\t1. C.\r\n\r\n\tD", ["A", "B", "C.", "D"]),
        ("", []),
    ],
)
def test_a_page_is_split_into_its_sentences(page: str, expected: list[str]) -> None:
    assert texts(page) == expected


def test_a_mark_stands_behind_its_sentence() -> None:
    lines = ["- First one. Second", "  one ends [here](a.md).", "", "| a | b |", "| - | - |", "| c | d |"]
    ends = [lines[place[0]][: place[1]] for one in sentences(lines) if (place := one.mark_at)]
    assert ends == ["- First one.", "  one ends [here](a.md).", "| c | d"]


@pytest.mark.proves("several-proofs-one-a-line")
def test_bindings_are_read_as_they_were_written(tmp_path: Path) -> None:
    bindings = (
        Binding("A fact.", 1, (Reference(Kind.RULE, "one"), Reference(Kind.SCENARIO, "two", 3, ("cli", "api")))),
        Binding("A test.", 5, (Reference(Kind.TEST, "fact"),)),
        Binding("Advice.", 8, (), Mark.ADVICE),
        Binding("New.", 11),
    )
    file = tmp_path / "page.txt"
    file.write_text(written(bindings), "utf-8")
    assert read_bindings(file) == bindings
    assert "scenario two step 3 on cli, api" in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A.\n    prove it\n", "is not a proof"),
        ("A.\n    rule one step 2\n", "Only a scenario has steps"),
        ("A.\n    test one on cli\n", "A test has no surfaces"),
        ("A.\nB.\n    advice\n", "each sentence on one line"),
        ("    advice\n", "no sentence above"),
        ("A.\n    advice\n    rule one\n", "proofs or one mark"),
        ("A.\n    scenario one step 0\n", "is not a proof"),
    ],
)
def test_a_mistake_in_bindings_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "page.txt"
    file.write_text(text, "utf-8")
    with pytest.raises(SpecError, match=rf"page\.txt:\d+: .*{message}"):
        read_bindings(file)


@pytest.mark.proves("signing-asks")
def test_signing_keeps_the_proofs_of_a_changed_sentence_only_where_somebody_agrees() -> None:
    bindings = [Binding("It expires after a day.", 1, (Reference(Kind.TEST, "expiry"),)), Binding("Old words.", 3)]
    page = "# Expiry\n\nIt expires after two days. Something else entirely."
    asked: list[tuple[str, str]] = []

    def agree(before: Binding, now: str) -> bool:
        asked.append((before.sentence, now))
        return True

    assert updated(PROSE, page, bindings, agree) == [
        Binding("Expiry", 0, (), Mark.NAVIGATION),
        Binding("It expires after two days.", 1, (Reference(Kind.TEST, "expiry"),)),
        Binding("Something else entirely.", 0),
    ]
    assert asked == [("It expires after a day.", "It expires after two days.")]
    assert not updated(PROSE, page, bindings, lambda *_: False)[1].bound


@pytest.mark.proves("what-states-a-fact", reads=["pyproject.toml"])
@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("It takes 5.", "5"),
        ("See `a`.", "`a`"),
        ("It Never ends.", "Never"),
        ("By default.", "default"),
        ("Look.", None),
    ],
)
def test_numbers_code_and_listed_words_state_a_fact(sentence: str, found: str | None) -> None:
    """With the words that this project lists, too."""
    project = find_config(Path(__file__)).prose
    assert project
    assert PROSE.states_a_fact(sentence) == project.states_a_fact(sentence) == found


def test_a_title_with_a_fact_is_not_marked_for_the_writer() -> None:
    assert [one.mark for one in updated(PROSE, "# At most 5\n\n# Limits", [], lambda *_: True)] == [
        None,
        Mark.NAVIGATION,
    ]


def test_an_unknown_value_is_refused_with_the_nearest_name() -> None:
    assert with_values("After {{ expiry }}.", {"expiry": "a day"}) == "After a day."
    with pytest.raises(SpecError, match="Did you mean 'expiry'"):
        with_values("After {{ expirx }}.", {"expiry": "a day"})
