"""GET /: a form made from the schema of the deployed model, prefilled with a real row."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from .service import Service


def blueprint(service: Service, title: str) -> Blueprint:
    pages = Blueprint("pages", __name__, static_folder="static", static_url_path="/static", template_folder="templates")

    @pages.get("/")
    def form() -> ResponseReturnValue:
        return render_template("form.html", title=title, schema=service.schema, version=service.version)

    return pages
