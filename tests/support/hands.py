"""What a person does with a page: press, follow, tick, read what is answered."""

import re

from playwright.sync_api import Locator, Page, expect

Name = str | re.Pattern[str]
Place = Page | Locator


def press(place: Place, name: Name) -> None:
    """The first button of that name."""
    place.get_by_role("button", name=name).first.click()


def follow(place: Place, name: Name) -> None:
    """The first link of that name."""
    place.get_by_role("link", name=name).first.click()


def told(page: Page, text: Name) -> None:
    """A toast of the desk says so."""
    expect(page.locator("#toasts")).to_contain_text(text)


def section(page: Page, heading: str) -> Locator:
    return page.get_by_role("region", name=heading, exact=True)


# -- in the admin ----------------------------------------------------------------------------------


def answered(page: Page, text: Name) -> None:
    """A message of the admin says so."""
    expect(page.locator(".messagelist")).to_contain_text(text)


def refused(page: Page, text: Name) -> None:
    """The form comes back with an error at one of its fields."""
    expect(page.locator(".errorlist").filter(has_text=text).first).to_be_visible()


def save(page: Page) -> None:
    press(page, re.compile("^Save$"))


def search(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Search").fill(text)
    press(page, "Search")


def act(page: Page, action: str, *rows: str) -> None:
    """Tick the rows that hold the texts, choose what to do with them, and go."""
    for text in rows:
        row = page.locator("#result_list").get_by_role("row").filter(has_text=text)
        row.get_by_role("checkbox", name="Select this object for an action").first.check()
    page.get_by_label("Action:").select_option(label=action)
    press(page, "Go")


def remove(page: Page, action: str, *rows: str) -> None:
    """Delete the rows by the list's own action, and confirm it."""
    act(page, action, *rows)
    press(page, "Yes, I’m sure")
    answered(page, "Successfully deleted")
