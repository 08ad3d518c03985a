"""The browser: one process, a profile for each person, and what its pages answer."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    Response,
    TimeoutError,
    sync_playwright,
)

from acceptance.surfaces import Crashed, Outcome, Receipt
from browser import FLAGS

_SIZE = {"width": 1200, "height": 700}
_PATIENCE = 30_000  # milliseconds
_AHEAD = 1.0  # seconds, in which all pages hear of the moment at which they press their buttons
_BROKEN = "Internal server error"  # the heading of the page of a broken server


# Leaves nothing of a page that is at work, without the time of going to an empty one.
_EMPTY = "() => { window.stop(); document.open(); document.close(); }"


@dataclass
class Chromium:
    """One browser process.

    Profiles that people have left are used again, as a new one takes three times as long: without cookies, on a page
    that has been emptied. The pages of the UI keep nothing else in a profile.
    """

    browser: Browser
    _left: dict[str, list[BrowserContext]] = field(default_factory=lambda: defaultdict(list), init=False)

    def person(self, url: str) -> BrowserContext:
        """The profile of a person who has not signed in at this server yet, with one page."""
        if self._left[url]:
            return self._left[url].pop()
        context = person(self.browser, url)
        context.new_page()
        return context

    def leave(self, context: BrowserContext, url: str) -> None:
        """Take back a profile that this server's person has left in order; closes it if that cannot be told."""
        page, *others = context.pages
        for other in others:
            other.close()
        try:
            page.evaluate(_EMPTY)
            context.clear_cookies()
        except Error:
            context.close()
            return
        self._left[url].append(context)


@contextmanager
def chromium(executable: str) -> Iterator[Chromium]:
    """A browser without a window."""
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        yield Chromium(browser)
        browser.close()


def person(browser: Browser, url: str, *, unproven: bool = False) -> BrowserContext:
    """A browser profile of its own, as two people or two machines have them; `unproven` takes any certificate."""
    context = browser.new_context(
        base_url=url,
        viewport=_SIZE,
        timezone_id="UTC",  # so that pages show the times that messages name
        reduced_motion="reduce",
        color_scheme="light",
        ignore_https_errors=unproven,
    )
    context.set_default_timeout(_PATIENCE)
    return context


def press(page: Page, what: Locator) -> Response | None:
    """Press a link or button, and wait for the page that it leads to."""
    with page.expect_navigation() as arrived:
        what.click()
    check_whole(page, arrived.value)
    return arrived.value


def press_at_once(buttons: Sequence[Locator]) -> None:
    """Press each button, on pages of their own, at one moment, for which the pages wait by themselves."""
    moment = time.time() + _AHEAD
    for button in buttons:
        button.evaluate("(button, moment) => { setTimeout(() => button.click(), moment - Date.now()) }", moment * 1000)


def start_button(page: Page) -> Locator:
    """The button that starts a Session."""
    return page.get_by_role("button", name="Start", exact=True)


def only_button(page: Page) -> Locator:
    """The button of a page that asks one thing."""
    return page.get_by_role("main").get_by_role("button")


@contextmanager
def looking(page: Page) -> Iterator[Page]:
    """What a page does not show is missing from the software, as long as the server has not broken."""
    try:
        yield page
    except TimeoutError as error:
        check_whole(page, None)
        raise AssertionError(f"The page {page.url} does not show what was looked for: {error.message}") from error


def check_whole(page: Page, answer: Response | None) -> None:
    """The page is one that the server meant: a refusal names what it refuses, a server that broke does not."""
    broken = page.get_by_role("heading", name=_BROKEN, exact=True).count()
    if broken or (answer and answer.status >= 500 and not page.get_by_role("alert").count()):
        raise Crashed(page.locator("body").inner_text())


def outcome(page: Page, answer: Response | None, *, refused: bool = False) -> Outcome:
    """What the page says: the alert, where there is one."""
    check_whole(page, answer)
    alert = page.get_by_role("alert")
    status = answer.status if answer else 200
    if not alert.count():
        return Outcome(not refused, False, False, page.get_by_role("main").inner_text())
    return Outcome(False, status == 400, status == 404, alert.inner_text())


def receipt_in(said: str) -> Receipt:
    """What the page of a receipt says, or of the question before it."""
    gone = re.search(r"^Deleted? version (\d+) of", said, re.MULTILINE)
    contents = re.search(r"Contents\s+(\d+) files?, ([\d.]+ \w+)", said)
    assert gone, said
    assert contents, said
    kept = re.findall(r"^version (\d+) of \S+ ([0-9a-f]{8})$", said, re.MULTILINE)
    quota = re.search(r"You have (\d+) of \d+ versions now, (\d+) before", said)
    numbers = [(int(number), fingerprint) for number, fingerprint in kept]
    counts = (int(quota[2]), int(quota[1])) if quota else None
    return Receipt(int(gone[1]), int(contents[1]), contents[2], numbers, counts)


def number_in(header: str) -> int:
    """The number of the version in the header of its row."""
    found = re.search(r"version (\d+)$", header.strip())
    assert found, header
    return int(found[1])


def offered(page: Page) -> list[tuple[str, int]]:
    """The versions that the page offers to delete, in their order. Each row leads to the page that asks."""
    rows = page.get_by_role("region", name="What you can delete now").get_by_role("row").all()[1:]
    found = []
    for row in rows:
        name, number = row.get_by_role("rowheader").inner_text().rsplit(" version ", 1)
        link = row.get_by_role("link", name=f"Delete… version {number} of {name}", exact=True)
        assert link.get_attribute("href") == f"{path_of(name, int(number))}/delete"
        found.append((name, int(number)))
    return found


def path_of(name: str, number: int) -> str:
    """The path of the page of a version."""
    return f"/datastores/{name}/versions/{number}"
