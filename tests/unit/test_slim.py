"""What is left out of the built site: rules of the theme for elements that no page has, white space, references."""

from __future__ import annotations

from pathlib import Path

from guide.slim import Used, slim, slim_site, tight, used_on, without_properties

USED = Used(frozenset({"card", "md-nav"}), frozenset({"slate"}), frozenset({"md-clipboard"}))


def test_rules_for_elements_that_no_page_has_are_left_out() -> None:
    """A selector stays for a class on a page, or for one that a script knows and could add."""
    css = ".card,.gone{color:red}.gone>p{color:blue}.card .gone{top:0}.md-clipboard{top:1px}p{margin:0}"
    assert slim(css, USED) == ".card{color:red}.md-clipboard{top:1px}p{margin:0}"


def test_a_class_that_a_script_puts_together_stays() -> None:
    """The script of the theme has the beginning of such a class, and adds the rest."""
    used = Used(frozenset(), frozenset(), frozenset({"tabbed-control--"}))
    assert slim(".tabbed-control--next{top:0}.other--next{top:1px}", used) == ".tabbed-control--next{top:0}"


def test_a_rule_stays_for_any_element_of_a_list_and_without_a_class() -> None:
    """What `:is` and `:not` name need not be on a page."""
    css = ".card:not(.gone){top:0}:is(.gone,.card) a{top:1px}"
    assert slim(css, USED) == css


def test_rules_for_a_theme_that_nobody_can_choose_are_left_out() -> None:
    """The values of attributes count like classes."""
    kept = "[data-md-color-scheme=slate]{top:0}[hidden]{top:3px}"
    assert slim(f"{kept}[data-md-color-primary=pink]{{top:1px}}[dir=rtl] .card{{top:2px}}", USED) == kept


def test_braces_and_commas_in_strings_separate_nothing() -> None:
    """Pictures and contents stand in strings."""
    css = """@charset "utf-8";.card:after{content:"},{;"}.card{mask:url('data:<svg>{}</svg>')}.gone{content:"}"}"""
    assert slim(css, USED) == css.removesuffix('.gone{content:"}"}')


def test_a_medium_without_rules_is_left_out() -> None:
    """And one with rules keeps those that are used."""
    css = "@media print{.gone{top:0}}@media screen{.card{top:0}.gone{top:0}}@keyframes turn{to{top:0}}"
    assert slim(css, USED) == "@media screen{.card{top:0}}@keyframes turn{to{top:0}}"


def test_properties_to_which_nothing_refers_are_left_out() -> None:
    """Such as the icons of boxes that no page has."""
    css = ":root{--kept:url('data:a;b');--gone:1px;color:red}"
    assert without_properties(css, ["p{mask:var(--kept)}"]) == ":root{--kept:url('data:a;b');color:red}"


def test_the_words_of_parts_that_are_switched_off_do_not_count(tmp_path: Path) -> None:
    """The theme's script knows parts that this site has not switched on."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "theme.js").write_text('add("md-version__list"); add("md-search__icon")')
    (tmp_path / "index.html").write_text('<p class="one two" id=x><i class=three data-kind="four">')
    used = used_on(tmp_path)
    assert used.classes == {"one", "two", "three", "md-banner", "md-banner__inner"}
    assert "four" in used.values
    assert "md-search__icon" in used.scripts
    assert "md-version__list" not in used.scripts


def test_the_banner_of_the_guide_for_another_edition_keeps_its_style(tmp_path: Path) -> None:
    """It is built aside, and takes the style sheets of the site."""
    assert slim(".md-banner{top:0}", used_on(tmp_path)) == ".md-banner{top:0}"


def test_the_stylesheets_of_the_theme_are_rewritten_and_no_other(tmp_path: Path) -> None:
    """Those that are the site's own have what they need."""
    sheets = tmp_path / "assets" / "stylesheets"
    sheets.mkdir(parents=True)
    (sheets / "main.css").write_text(".one{color:var(--a)}.two{top:0}:root{--a:red;--b:blue;--c:green}")
    (tmp_path / "assets" / "own.css").write_text(".two{color:var(--c)}")
    (tmp_path / "index.html").write_text('<p class="one">')
    slim_site(tmp_path)
    assert (sheets / "main.css").read_text() == ".one{color:var(--a)}:root{--a:red;--c:green}"
    assert (tmp_path / "assets" / "own.css").read_text() == ".two{color:var(--c)}"


def test_a_page_loses_white_space_but_not_that_of_code() -> None:
    """Lines stay lines, so that the source can be read."""
    page = "<p>\n   one\n\n  </p><pre>\n  two\n\n  three</pre>\n\n<p>four  five</p>"
    assert tight(page) == "<p>\none\n</p><pre>\n  two\n\n  three</pre>\n<p>four  five</p>"


def test_characters_stand_for_themselves_unless_they_are_markup() -> None:
    """A reference takes five characters and more."""
    assert tight("a&#46;b &#60;&#38;&#34;&#10; &#8230; &lt;") == "a.b &#60;&#38;&#34;&#10; … &lt;"


def test_white_space_in_code_needs_no_element() -> None:
    """It has no colour."""
    page = '<pre><span class="p">{</span>\n<span class="w">  </span><span class="nt">"a"</span></pre>'
    assert tight(page) == '<pre><span class="p">{</span>\n  <span class="nt">"a"</span></pre>'


def test_what_only_the_index_of_the_search_reads_is_left_out() -> None:
    """The index is made before the page is written."""
    assert tight('<p data-search-exclude="" class="a"><i data-search-exclude>b</i>') == '<p class="a"><i>b</i>'
