"""The pages of the API, driven in a real browser. Screenshots stay in build/screenshots."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bake import BUILD
from playwright.sync_api import Page, expect, sync_playwright

from ..conftest import BakedProject

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture
def page(chromium: str, api: str) -> Iterator[Page]:
    """A page of the API at `/`; a message on its console fails the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(base_url=api)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto("/")
        yield page
        browser.close()
    assert complaints == []


def picture(page: Page, name: str) -> None:
    (BUILD / "screenshots").mkdir(parents=True, exist_ok=True)
    page.screenshot(path=BUILD / "screenshots" / f"{name}.png", full_page=True)


def test_the_form_is_prefilled_and_shows_the_prediction(page: Page) -> None:
    page.get_by_role("button", name="Predict").click()
    answer = page.locator("#answer")
    expect(answer.locator(".label")).to_have_text(re.compile("^(late|on_time)$"))
    expect(answer.locator("meter")).to_have_count(2 + 5)
    expect(answer.get_by_role("heading")).to_have_text(
        "What adds most to the probability of late, or takes most from it"
    )
    picture(page, "form")


def test_another_flight_gets_another_answer(page: Page) -> None:
    page.get_by_role("button", name="Predict").click()
    meter = page.locator("#answer meter").first
    before = meter.get_attribute("value")
    page.get_by_label("carrier").select_option("EV")
    page.get_by_label("humid").fill("97")
    page.get_by_label("precip").fill("0.4")
    page.get_by_role("button", name="Predict").press("Enter")
    expect(meter).not_to_have_attribute("value", str(before))


def test_a_field_left_empty_is_a_missing_value_and_an_unseen_one_is_warned_of(page: Page) -> None:
    page.get_by_label("temp").fill("")
    page.get_by_label("dest").fill("XXX")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer .warning")).to_have_text("dest: 'XXX' did not occur in training")


def test_on_a_phone_the_form_fits_the_width(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer .label")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    picture(page, "form-phone")


def test_a_table_is_answered_shown_and_downloaded(page: Page, tmp_path: Path, deployed: BakedProject) -> None:
    example = json.loads(deployed.text("deploy/bundles/1/schema.json"))["example"]
    table = tmp_path / "flights.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        written = csv.DictWriter(file, ["note", *example])
        written.writeheader()
        written.writerows([{"note": "=1+1", **example}, {**example, "temp": "warm"}, {**example, "temp": ""}])
    page.get_by_role("link", name="A table").click()
    page.get_by_label("CSV file").set_input_files(table)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer")).to_contain_text("2 of 3 rows answered")
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_role("row").nth(2)).to_contain_text("temp Input should be a valid number, got 'warm'.")
    picture(page, "table")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    rows = list(csv.DictReader(downloading.value.path().read_text(encoding="utf-8").splitlines()))
    assert [row["label"] in ("late", "on_time") for row in rows] == [True, False, True]
    assert [row["temp"] for row in rows] == [str(example["temp"]), "warm", ""]
    assert [row["note"] for row in rows] == ["'=1+1", "", ""]


def test_the_model_card_is_a_page(page: Page) -> None:
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", name="Model card: Flights that left New York in 2013")).to_be_visible()
    page.set_viewport_size({"width": 375, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    picture(page, "card-phone")


def test_the_form_is_used_with_the_keyboard_alone(page: Page) -> None:
    page.get_by_label("origin").focus()
    for _ in range(len(page.locator("#row [name]").all())):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Predict")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#answer .label")).to_be_visible()


def test_the_documentation_page_works_offline(page: Page) -> None:
    page.goto("/docs/")
    expect(page.get_by_text("Predict one or many rows")).to_be_visible()
    picture(page, "docs")


def test_the_profiles_are_a_page_with_a_picture_of_every_column(trained: BakedProject, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((trained.root / "results" / "profiles" / "index.html").as_uri())
        expect(page.get_by_role("heading", name="exploitation")).to_be_visible()
        expect(page.get_by_role("img", name="histogram of temp").last).to_be_visible()
        expect(page.get_by_role("img", name="most frequent values of carrier").last).to_be_visible()
        page.get_by_role("heading", name="exploitation").scroll_into_view_if_needed()
        picture(page, "profiles")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        picture(page, "profiles-phone")
        browser.close()
    assert len(asked) == 1
