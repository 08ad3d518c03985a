"""The preview of a file, even of a file that is made to attack the reader."""

from __future__ import annotations

import re
from hashlib import sha256
from html import unescape

import pytest
from in_process import Browser

from grid_datastores.domain.model import FileEntry, Source, SourceKind, User, Version
from grid_datastores.server.ui import preview
from grid_datastores.server.ui.contents import MAX_BYTES, MAX_CELL, MAX_COLUMNS, MAX_ROWS, read_contents
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

PAGE = "/datastores/data/versions/1"
SCRIPT = "<script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PICTURES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "image/gif": b"GIF89a\x01\0\x01\0\0\0\0;",
    "image/webp": b"RIFF\x1a\0\0\0WEBPVP8L",
}


def _version(service: Service, ana: User, files: dict[str, bytes]) -> Version:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    content = b"".join(files.values())
    with service.uploads.sink(ana, begun.id).object("o", len(content)) as target:
        target.write(content)
    offset, entries = 0, []
    for path, part in files.items():
        entries.append(FileEntry(path, len(part), sha256(part).hexdigest(), "o", offset))
        offset += len(part)
    return service.uploads.publish(ana, begun.id, Manifest.of(entries))


def _shown(page: str) -> str:
    """What is shown of the file, in HTML."""
    return page.split('<section class="card" aria-labelledby="preview">')[1].split("</section>")[0]


def _text(page: str) -> str:
    return unescape(page.split("<pre")[1].partition(">")[2].split("</pre>")[0]).removeprefix("\n")


def _table(page: str) -> list[list[str]]:
    rows = _shown(page).split('<table class="cells">')[1].split("</tr>")[:-1]
    return [[unescape(cell) for cell in re.findall(r"<bdi>(.*?)</bdi>", row, re.DOTALL)] for row in rows]


@pytest.mark.proves("files-have-previews")
def test_text_is_shown_as_it_is(service: Service, ana: User, browser: Browser) -> None:
    text = "\n  first\tline\r\nä 🐧 \u202eflip\u202c \x1b[31m\n"
    _version(service, ana, {"notes.txt": text.encode(), "empty": b"", "bom.txt": b"\xef\xbb\xbfhello"})
    page = browser.get(f"{PAGE}/preview/notes.txt")
    assert _text(page) == "\n  first\tline\nä 🐧 \\u202eflip\\u202c \\x1b[31m\n"
    assert "This file is empty." in _shown(browser.get(f"{PAGE}/preview/empty"))
    assert _text(browser.get(f"{PAGE}/preview/bom.txt")) == "hello"


def test_a_page_or_drawing_is_shown_as_text(service: Service, ana: User, browser: Browser) -> None:
    """Whatever its name says it is; it is nowhere a document."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{SCRIPT}</svg>'
    files = {"a.html": SCRIPT, "b.svg": svg, "c.png": SCRIPT, "d.gif": f"GIF89a=1;{SCRIPT}"}
    files["e</pre>.js"] = f"</pre>{SCRIPT}"
    _version(service, ana, {path: text.encode() for path, text in files.items()})
    for path, text in files.items():
        page = browser.get(f"{PAGE}/preview/{path}")
        assert _text(page) == text
        assert "<script>" not in page
        assert "<svg" not in page
        assert browser.send("GET", f"{PAGE}/picture/{path}").status_code == 404
        download = browser.send("GET", f"{PAGE}/files/{path}")
        assert download.headers["content-type"] == "application/octet-stream"
        assert download.headers["content-disposition"].startswith("attachment")


@pytest.mark.proves("files-have-previews")
@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_served_as_its_bytes_say_and_can_do_nothing(
    service: Service, ana: User, browser: Browser, kind: str
) -> None:
    content = PICTURES[kind] + SCRIPT.encode() + b"\0"  # also a page, for who guesses
    _version(service, ana, {"a/photo.html": content})
    assert f'<img src="{PAGE}/picture/a/photo.html" alt="photo.html">' in browser.get(f"{PAGE}/preview/a/photo.html")
    picture = browser.send("GET", f"{PAGE}/picture/a/photo.html")
    assert (picture.status_code, picture.content) == (200, content)
    assert picture.headers["content-type"] == kind
    assert picture.headers["x-content-type-options"] == "nosniff"
    policy = [part.strip() for part in picture.headers["content-security-policy"].split(";")]
    assert {"sandbox", "default-src 'none'"} <= set(policy)
    assert picture.headers["content-disposition"] == "inline; filename*=UTF-8''photo.html"
    assert picture.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "content",
    [b"a\0b", b"\xff\xfea\0", b"ab\xe4c", b"%PDF-1.7\n\x80", b"RIFF\x1a\0\0\0WAVEfmt ", b"\x89PNG\r\n\x1a", b"BM\0\0"],
    ids=["NUL", "UTF-16", "Latin-1", "PDF", "WAV", "a part of PNG", "BMP"],
)
def test_other_bytes_have_no_preview(service: Service, ana: User, browser: Browser, content: bytes) -> None:
    _version(service, ana, {"a.csv": content})
    shown = browser.get(f"{PAGE}/preview/a.csv")
    assert "There is no preview of this kind of file." in _shown(shown)
    assert f'href="{PAGE}/files/a.csv">Download' in shown
    assert browser.send("GET", f"{PAGE}/picture/a.csv").status_code == 404


@pytest.mark.proves("files-have-previews")
def test_a_table_is_shown_in_rows_and_cells(service: Service, ana: User, browser: Browser) -> None:
    files = {
        "a.csv": f'name,"how many"\r\n"{SCRIPT}",1\r\n"two\nlines",\r\n',
        "b.tsv": "a\tb,c\n1\t2\n",
        "c.CSV": "a;b\n1,5;2\n",
        "deep/d.csv": '"open,\n1,2',
        "e.csv": "\n\n",
        "f.csv": '=cmd,"a""b"\u202e\n',
    }
    _version(service, ana, {path: text.encode() for path, text in files.items()})
    tables = {path: _table(browser.get(f"{PAGE}/preview/{path}")) for path in files if path != "e.csv"}
    assert tables == {
        "a.csv": [["name", "how many"], [SCRIPT, "1"], ["two\nlines", ""]],
        "b.tsv": [["a", "b,c"], ["1", "2"]],
        "c.CSV": [["a", "b"], ["1,5", "2"]],
        "deep/d.csv": [["open,\n1,2"]],
        "f.csv": [["=cmd", 'a"b\\u202e']],
    }
    assert "<script>" not in browser.get(f"{PAGE}/preview/a.csv")
    assert _text(browser.get(f"{PAGE}/preview/e.csv")) == "\n\n"


def test_a_preview_is_bounded() -> None:
    wide = read_contents("a.csv", ",".join("1" * 10_000).encode(), whole=True).table
    assert wide
    assert (len(wide.rows[0]), wide.columns) == (MAX_COLUMNS, 10_000)
    long = read_contents("a.csv", b"1,2\n" * 1000, whole=True).table
    assert long
    assert (len(long.rows), long.cut) == (MAX_ROWS, True)
    all_of_it = read_contents("a.csv", b"1,2\n" * MAX_ROWS, whole=True).table
    assert all_of_it
    assert (len(all_of_it.rows), all_of_it.cut) == (MAX_ROWS, False)
    huge = read_contents("a.csv", b"x" * MAX_BYTES, whole=False).table
    assert huge
    assert [len(cell) for row in huge.rows for cell in row] == [MAX_CELL + 1]
    cut = read_contents("a.csv", b"1,2\n3,4\n5", whole=False).table
    assert cut
    assert cut.rows == [["1", "2"], ["3", "4"]]


def test_a_large_text_shows_its_start_without_half_a_character(service: Service, ana: User, browser: Browser) -> None:
    text = "x" + "ä" * MAX_BYTES  # one line; the 64 KiB end within a character
    wide = ",".join("1" * 60) + "\n" + "1,2\n" * 120
    _version(service, ana, {"a.txt": text.encode(), "b.csv": wide.encode()})
    table = browser.get(f"{PAGE}/preview/b.csv")
    assert "These are the first 100 rows." in table
    assert "These are the first 50 of 60 columns." in table
    page = browser.get(f"{PAGE}/preview/a.txt")
    assert _text(page) == text[: MAX_BYTES // 2]
    assert "This is its start: 65.5 kB of 131.1 kB." in page
    assert "The stored bytes match." in page


def test_damaged_bytes_are_not_shown(service: Service, ana: User, browser: Browser) -> None:
    version = _version(service, ana, {"a.txt": b"good", "b.png": PICTURES["image/png"], "c.txt": b"fine"})
    stored = service.reading.local_path(version.id, "o")
    assert stored
    content = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(content.replace(b"good", b"evil").replace(b"IHDR", b"XXXX"))
    for path in ("a.txt", "b.png"):
        answer = browser.send("GET", f"{PAGE}/preview/{path}")
        assert answer.status_code == 500
        assert "are damaged: they do not match its SHA-256" in answer.text
        assert "evil" not in answer.text
        assert '<img src="/data' not in answer.text
    refused = browser.send("GET", f"{PAGE}/picture/b.png")
    assert (refused.status_code, refused.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "fine" in browser.get(f"{PAGE}/preview/c.txt")
    stored.write_bytes(content[:2])
    assert "are damaged" in browser.send("GET", f"{PAGE}/preview/a.txt").text
    stored.unlink()
    assert "are damaged" in browser.send("GET", f"{PAGE}/preview/a.txt").text


def test_a_file_that_is_too_large_to_check_says_so(
    service: Service, ana: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_CHECKED", MAX_BYTES)
    monkeypatch.setattr(preview, "MAX_PICTURE", 20)
    _version(service, ana, {"a.txt": b"x" * (MAX_BYTES + 1), "b.png": PNG + bytes(20)})
    assert "No: this file is too large to check for a preview." in browser.get(f"{PAGE}/preview/a.txt")
    picture = browser.get(f"{PAGE}/preview/b.png")
    assert "This picture is too large for a preview, which shows up to 20 bytes." in picture
    assert browser.send("GET", f"{PAGE}/picture/b.png").status_code == 404


@pytest.mark.parametrize(
    "path", ["../a.txt", "..%2Fa.txt", "a.txt/", "%2Fa.txt", "/a.txt", "", "deep", "deep%2F..%2Fa.txt", "A.TXT", "%00"]
)
def test_a_path_that_no_file_has_leads_nowhere(service: Service, ana: User, browser: Browser, path: str) -> None:
    _version(service, ana, {"a.txt": b"secret", "deep/b.txt": b"secret"})
    for kind in ("preview", "picture", "files"):
        answer = browser.send("GET", f"{PAGE}/{kind}/{path}")
        assert answer.status_code == 404, kind
        assert "secret" not in answer.text


def test_names_from_right_to_left_and_with_signs_lead_to_their_files(
    service: Service, ana: User, browser: Browser
) -> None:
    names = ["\u202egpj.exe", "ملف.txt", "a%2Fb.txt", "a b&c=d?#+.txt", "'\"><img src=x>.txt", "%2e%2e"]
    _version(service, ana, {f"in/{name}": f"this is {name!a}".encode() for name in names})
    page = browser.get(f"{PAGE}?folder=in")
    assert "\u202e" not in page
    assert "<img src=x" not in page
    links = [unescape(link) for link in re.findall(rf'href="({PAGE}/preview/[^"]+)"', page)]
    assert [_text(browser.get(link)) for link in links] == [f"this is {name!a}" for name in sorted(names)]


def test_nobody_else_sees_a_preview_and_nobody_that_of_a_deleted_version(
    service: Service, ana: User, browser: Browser
) -> None:
    version = _version(service, ana, {"a.txt": b"secret", "b.png": PNG})
    ben, _key = service.accounts.add("ben")
    for path in ("preview/a.txt", "picture/b.png"):
        assert Browser(service).send("GET", f"{PAGE}/{path}").status_code == 303
        assert Browser(service, ben).send("GET", f"{PAGE}/{path}").status_code == 404
    service.deletion.delete(ana, version.id)
    for path in ("preview/a.txt", "picture/b.png"):
        answer = browser.send("GET", f"{PAGE}/{path}")
        assert answer.status_code == 410
        assert "secret" not in answer.text


def test_no_part_of_the_page_has_marks_that_turn_the_name_around(service: Service, ana: User, browser: Browser) -> None:
    _version(service, ana, {"a\u202etxt.exe": b"text"})
    page = browser.get(f"{PAGE}/preview/a%E2%80%AEtxt.exe")
    assert "<title>a\\u202etxt.exe in" in page
    assert "\u202e" not in page
