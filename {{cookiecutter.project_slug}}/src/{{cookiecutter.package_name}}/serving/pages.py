"""The pages for people: a form for one row, a table as a CSV file, the model card."""

from __future__ import annotations

from flask import Blueprint, render_template
from markdown_it import MarkdownIt
from markupsafe import Markup

from .service import Service


def blueprint(service: Service, title: str) -> Blueprint:
    pages = Blueprint("pages", __name__, static_folder="static", static_url_path="/static", template_folder="templates")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")

    @pages.get("/")
    def form() -> str:
        """A form with one real row, its answer and the reasons."""
        return render_template("form.html", title=title, schema=service.schema, version=service.version)

    @pages.get("/table")
    def table() -> str:
        """A CSV file in, its answers as a table and as a file."""
        return render_template("table.html", title=title, schema=service.schema, version=service.version)

    @pages.get("/card")
    def card() -> str:
        """The model card."""
        text = Markup(markdown.render(service.bundles["champion"].card or "This bundle has no model card."))
        return render_template("card.html", title=title, version=service.version, card=text)

    return pages
