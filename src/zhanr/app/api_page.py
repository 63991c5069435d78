"""The OpenAPI description as a page: plain HTML, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
section { border-top: 1px solid #8888; padding: 1rem 0 }
b { background: #8883; border-radius: .3em; padding: .1em .5em }
table { border-collapse: collapse } td { padding: .1em 1em .1em 0; vertical-align: top }
pre { overflow: auto; background: #8882; padding: .5em }
"""


def api_page(description: dict[str, Any]) -> str:
    """The page of an OpenAPI description."""
    info = description["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info['summary'])}</p>",
        '<p>For programs: <a href="openapi.json">openapi.json</a>. Errors are application/problem+json.</p>',
    ]
    base = description["servers"][0]["url"]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts += _operation(f"{base}{path}", method, operation)
    return "".join([*parts, "</body></html>"])


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    parameters = [(p["name"], _kind(p["schema"]), p.get("description", "")) for p in operation.get("parameters", [])]
    if parameters:
        yield f"<h3>Query</h3>{_table(parameters)}"
    if body := operation.get("requestBody"):
        yield f"<h3>Body</h3><p>{escape(body.get('description', ''))}</p>"
        yield _table((kind, "") for kind in body["content"])
    answers = [(status, answer["description"]) for status, answer in sorted(operation["responses"].items())]
    yield f"<h3>Answers</h3>{_table(answers)}</section>"


def _table(rows: Any) -> str:
    cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _kind(schema: dict[str, Any]) -> str:
    kinds = [s.get("type", "") for s in schema.get("anyOf", [schema])]
    return " or ".join(kind for kind in kinds if kind != "null")
