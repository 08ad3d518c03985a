"""The web UI: a person with a real browser, who reads what the pages say and presses what they offer."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Error, Locator, Page

from acceptance.server import Credentials
from acceptance.surfaces import Outcome, Receipt
from acceptance.surfaces.browsing import (
    Chromium,
    looking,
    number_in,
    offered,
    only_button,
    outcome,
    path_of,
    person,
    press,
    press_at_once,
    receipt_in,
    start_button,
)
from acceptance.surfaces.pictures import PICTURED, take
from living_spec.recorder import Recorder

# The name of each file or folder, which ends with a slash; its size in bytes, and where its last link leads.
_ROWS = """(rows) => rows.map((row) => [
  row.querySelector("a").innerText,
  row.querySelector("data").value,
  [...row.querySelectorAll("a")].at(-1).getAttribute("href"),
])"""


class UiSurface:
    """One signed-in person."""

    def __init__(self, url: str, user: Credentials, chromium: Chromium, evidence: Recorder, name: str) -> None:
        self._url = url
        self._user = user
        self._chromium = chromium
        shown = evidence.key.edition == "reference" and evidence.key.scenario in PICTURED
        self._pictured = evidence if shown else None
        self._labels: set[str] = set()
        self._moved = False
        self._name = name
        self._context = chromium.person(url)
        self._windows = self._context.pages
        self._sign_in()

    def close(self) -> None:
        if self._moved:
            self._context.close()
        else:
            self._chromium.leave(self._context, self._url)

    def move(self, url: str, authority: Path) -> None:
        """In a browser profile of its own, which takes any certificate: a person would install the authority."""
        self.close()
        self._moved = True
        self._url = url
        self._context = person(self._chromium.browser, url, unproven=True)
        self._windows = [self._context.new_page()]
        self._sign_in()

    def upload(self, name: str, folder: Path) -> Outcome:
        with self._tab() as page:
            button = self._ask_to_upload(name, folder)
            self._picture(page, "the upload page", button)
            button.click()
            done = self._uploaded(page)
            if not done.done:
                self._picture(page, "the upload is refused")
            return done

    def upload_at_once(self, name: str, folder: Path, count: int) -> list[Outcome]:
        """Press as many buttons at the same moment, each in a browser profile of its own."""
        with self._profiles(count) as pages, looking(pages[-1]):
            press_at_once([self._in(page, partial(self._ask_to_upload, name, folder)) for page in pages])
            return [self._uploaded(page) for page in pages]

    def mount_and_delete_at_once(
        self, mounts: Sequence[tuple[str, str, int]], deletes: Sequence[tuple[str, int]]
    ) -> list[Outcome]:
        """Do all at the same moment, each in a browser profile of its own: mount (Session, name, number), or delete.

        The browser tends to press in the order of its pages, so of every second version the deletion comes first.
        """
        asks = [partial(self._ask_for_start, *mount) for mount in mounts]
        asks += [partial(self._ask_for_deletion, *delete) for delete in deletes]
        pairs = zip(range(len(mounts)), range(len(mounts), len(asks)), strict=True)
        order = [ask for mount, delete in pairs for ask in ((mount, delete) if mount % 2 else (delete, mount))]
        with self._profiles(len(asks)) as opened, ExitStack() as waiting:
            pages = [page for _, page in sorted(zip(order, opened, strict=True), key=lambda one: one[0])]
            buttons = [self._in(page, asks[ask]) for ask, page in zip(order, opened, strict=True)]
            arrived = [waiting.enter_context(page.expect_navigation()) for page in pages]
            press_at_once(buttons)
            waiting.close()
            return [outcome(page, answer.value) for page, answer in zip(pages, arrived, strict=True)]

    def fetch(self, name: str, location: str, *, refer: bool = False) -> Outcome:
        with self._tab() as page:
            page.goto("/upload")
            form = page.get_by_role("region", name="From an address")
            form.get_by_label("Address").fill(location)
            form.get_by_label("Name of the datastore").fill(name)
            form.get_by_label("Only refer to the bucket").set_checked(refer)
            self._picture(page, "the upload page", form.get_by_role("button"))
            answer = press(page, form.get_by_role("button"))
            page.locator("[role=alert], .title :text-is('available')").first.wait_for()  # it looks again by itself
            return outcome(page, answer)

    def listed(self, name: str) -> list[tuple[int, str]]:
        with self._tab() as page:
            page.goto("/")
            self._picture(page, "your datastores")
            listed = page.get_by_role("region", name=name, exact=True)
            every = listed.get_by_role("link", name=re.compile("^All [0-9,]+ versions"))
            if every.count():  # only the newest are shown
                press(page, every)
                assert not page.get_by_role("link", name="Next").count()
                listed = page.get_by_role("region", name="Versions")
            rows = listed.get_by_role("row").all()[1:]
            cells = [(row.get_by_role("rowheader"), row.get_by_role("cell").first) for row in rows]
            return sorted((number_in(header.inner_text()), phase.inner_text().strip()) for header, phase in cells)

    def phase(self, name: str, number: int) -> str:
        with self._tab() as page:
            page.goto(path_of(name, number))
            return page.locator(".title .badge").inner_text()

    def fingerprint(self, name: str, number: int) -> str:
        return self._fact("Fingerprint", name, number)

    def source(self, name: str, number: int) -> str:
        return self._fact("Source", name, number)

    def history(self, name: str, number: int) -> str:
        with self._tab() as page:
            page.goto(path_of(name, number))
            self._picture(page, "what is left of a deleted version" if number == 1 else "the details of a version")
            return page.get_by_role("region", name="History").inner_text()

    def files(self, name: str, number: int) -> Outcome:
        with self._tab() as page:
            answer = page.goto(path_of(name, number))
            if not page.get_by_role("region", name="Files").count():
                return outcome(page, answer, refused=True)
            self._picture(page, "the details of a version")
            rows = [f"{path}  {size}" for path, size, _address in self._listed_files(page)]
            return Outcome(True, False, False, "\n".join(rows))

    def download(self, name: str, number: int, folder: Path) -> Outcome:
        with self._tab() as page:
            page.goto(path_of(name, number))
            link = page.get_by_role("link", name="Download all files")
            if not link.count():  # who has kept the address of the link
                return self.open_address(f"{path_of(name, number)}/download")
            with page.expect_download() as started:
                link.click()
            try:
                with tarfile.open(started.value.path()) as archive:
                    archive.extractall(folder, filter="data")
            except (Error, tarfile.ReadError) as error:  # the server ended it in the middle
                return Outcome(False, False, False, str(error))
            return Outcome(True, False, False, "")

    def addresses(self, name: str, number: int) -> list[str]:
        """Where the links of the files lead."""
        with self._tab() as page:
            page.goto(path_of(name, number))
            return [address for *_path, address in self._listed_files(page)]

    def _listed_files(self, page: Page, folder: str = "") -> Iterator[tuple[str, str, str]]:
        """The path, size in bytes and address of each file, folder by folder."""
        rows = page.get_by_role("region", name="Files").locator("tbody tr").evaluate_all(_ROWS)
        for name, size, address in rows:
            if not name.endswith("/"):
                yield folder + name, size, address
        for name, _size, address in rows:
            if name.endswith("/"):
                page.goto(address)
                yield from self._listed_files(page, folder + name)

    def open_address(self, address: str) -> Outcome:
        """Type an address that was kept."""
        with self._tab() as page:
            try:
                return outcome(page, page.goto(address), refused=True)
            except Error as error:  # no page came, but a file
                return Outcome("Download is starting" in error.message, False, False, error.message)

    def delete(self, name: str | None, version: str | None) -> Outcome:
        return self.ask_to_delete(str(name), str(version)) or self.confirm()

    def ask_to_delete(self, name: str, version: str) -> Outcome | None:
        """Open the page that asks; what it says where it does not offer to delete."""
        with self._tab() as page:
            page.goto("/")
            link = page.get_by_role("link", name=f"Delete version {version} of {name}", exact=True)
            self._picture(page, "your datastores", link if link.count() else None)
            if link.count():
                answer = press(page, link)
            else:  # typed into the address bar
                answer = page.goto(f"/datastores/{quote(name, safe='')}/versions/{quote(version, safe='')}/delete")
            if page.get_by_role("alert").count():
                self._picture(page, "the deletion is refused")
                return outcome(page, answer)
            self._picture(page, "the page that asks", only_button(page))
            return None

    def verdict(self, name: str, number: int) -> Outcome:
        refused = self.ask_to_delete(name, str(number))
        return refused or Outcome(True, False, False, self.said())

    def receipt(self, outcome: Outcome) -> Receipt:
        return receipt_in(outcome.said)

    def confirm(self) -> Outcome:
        """Press the one button that deletes."""
        with self._tab() as page:
            done = outcome(page, press(page, only_button(page)))
            self._picture(page, "the receipt" if done.done else "the deletion is refused")
            return done

    def offered(self, outcome: Outcome) -> list[tuple[str, int]]:
        return offered(self._windows[-1])

    def mount(self, session: str, name: str, number: int) -> Outcome:
        return self.ask_to_mount(session, name, number) or self.start()

    def ask_to_mount(self, session: str, name: str, number: int) -> Outcome | None:
        """Fill in the form that starts a Session; what is said where the version cannot be chosen."""
        with self._tab() as page:
            page.goto(path_of(name, number))
            link = page.get_by_role("link", name="Mount it")
            answer = press(page, link) if link.count() else page.goto(f"/workloads/start?name={name}&version={number}")
            if page.get_by_role("alert").count():
                return outcome(page, answer)
            page.get_by_label("Name", exact=True).fill(session)
            self._picture(page, "a new Session", start_button(page))
            return None

    def start(self) -> Outcome:
        """Press the button that starts it."""
        with self._tab() as page:
            return outcome(page, press(page, start_button(page)))

    def pause(self, session: str) -> Outcome:
        return self._change("Pause", "Session", session)

    def resume(self, session: str) -> Outcome:
        return self._change("Resume", "Session", session)

    def end(self, session: str) -> Outcome:
        return self._change("End", "Session", session, asked=True)

    def cancel(self, run: str) -> Outcome:
        return self._change("Cancel", "Run", run, asked=True)

    def sessions(self) -> list[str]:
        with self._tab() as page:
            page.goto("/workloads")
            return page.get_by_role("region", name="Sessions").get_by_role("rowheader").all_inner_texts()

    def mounts(self, session: str) -> str:
        with self._tab() as page:
            page.goto("/workloads")
            self._picture(page, "your Sessions and Runs")
            header = page.get_by_role("rowheader", name=session, exact=True)
            return page.get_by_role("region", name="Sessions").get_by_role("row").filter(has=header).inner_text()

    def users(self, name: str, number: int) -> str:
        with self._tab() as page:
            page.goto(path_of(name, number))
            self._picture(page, "a version in use")
            return "\n".join(page.get_by_role("region", name="In use by").get_by_role("listitem").all_inner_texts())

    def quota_used(self) -> int:
        return int(self._quota()[1])

    def quota_limit(self) -> int:
        return int(self._quota()[2])

    def open_window(self) -> None:
        """What follows happens in another window of the same browser."""
        self._windows.append(self._context.new_page())

    def close_window(self) -> None:
        """What follows happens in the window before."""
        self._windows.pop().close()

    def heading(self) -> str:
        """The heading of the page that is open."""
        return self._windows[-1].get_by_role("heading", level=1).inner_text()

    def buttons(self) -> list[str]:
        """What can be pressed on the page that is open."""
        return self._windows[-1].get_by_role("main").get_by_role("button").all_inner_texts()

    def said(self) -> str:
        """What the page that is open says."""
        return self._windows[-1].get_by_role("main").inner_text()

    @contextmanager
    def _profiles(self, count: int) -> Iterator[list[Page]]:
        """A page in each of as many browser profiles, in all of which this person is signed in."""
        contexts = [self._chromium.person(self._url) for _ in range(count)]
        for context in contexts:
            context.add_cookies(self._context.cookies())  # type: ignore[arg-type]  # what one returns, the other takes
        yield [context.pages[0] for context in contexts]
        for context in contexts:
            self._chromium.leave(context, self._url)

    def _in(self, page: Page, ask: Callable[[], Locator]) -> Locator:
        """The button that is to be pressed on this page, once it has been asked for there."""
        self._windows.append(page)
        try:
            return ask()
        finally:
            self._windows.pop()

    @contextmanager
    def _tab(self) -> Iterator[Page]:
        """The page that is open."""
        with looking(self._windows[-1]) as page:
            yield page

    def _sign_in(self) -> None:
        """Send what the form sends: to fill it in by hand takes longer than most scenarios."""
        form = {"name": self._user.user_id, "key": self._user.api_key}
        as_a_browser = {"Origin": self._url}
        answer = self._context.request.post("/sign-in", form=form, headers=as_a_browser)
        assert answer.ok, answer.text()

    def _ask_to_upload(self, name: str, folder: Path) -> Locator:
        with self._tab() as page:
            page.goto("/upload")
            page.get_by_label("Name of the datastore").first.fill(name)
            page.get_by_label("A folder" if folder.is_dir() else "Or files").set_input_files(folder)
            return page.get_by_role("button", name="Upload")

    def _uploaded(self, page: Page) -> Outcome:
        page.locator("[role=alert], h1:has-text('Version ')").first.wait_for()
        return outcome(page, None)

    def _ask_for_start(self, session: str, name: str, number: int) -> Locator:
        assert self.ask_to_mount(session, name, number) is None
        return start_button(self._windows[-1])

    def _ask_for_deletion(self, name: str, number: int) -> Locator:
        assert self.ask_to_delete(name, str(number)) is None
        return only_button(self._windows[-1])

    def _fact(self, label: str, name: str, number: int) -> str:
        with self._tab() as page:
            page.goto(path_of(name, number))
            fact = page.locator(f"dt:text-is('{label}') + dd")
            assert fact.count(), f"The page of version {number} of {name} does not say its {label.lower()}."
            return fact.inner_text()

    def _change(self, word: str, kind: str, name: str, *, asked: bool = False) -> Outcome:
        """Press the button of this name: of the list, or `asked` for by its link, of the page that asks first."""
        with self._tab() as page:
            page.goto("/workloads")
            button = page.get_by_role("button", name=f"{word} {kind} {name}", exact=True)
            link = page.get_by_role("link", name=f"{word}… {kind} {name}", exact=True)
            self._picture(page, "your Sessions and Runs", link if asked else button)
            if asked:
                press(page, link)
                self._picture(page, "the page that asks before it ends", button)
            return outcome(page, press(page, button))

    def _quota(self) -> re.Match[str]:
        with self._tab() as page:
            page.goto("/")
            found = re.search(r"(\d+) of (\d+) versions", page.get_by_role("main").inner_text())
            assert found
            return found

    def _picture(self, page: Page, label: str, pressed: Locator | None = None) -> None:
        """Pictures of the page, once in a scenario, with what is `pressed` next marked."""
        if not self._pictured or label in self._labels:
            return
        self._labels.add(label)
        names = {**self._pictured.names, page.locator(".who").inner_text(): self._name}
        take(self._pictured, page, label, names, pressed)
