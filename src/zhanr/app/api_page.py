"""The OpenAPI description as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any


def api_page(description: dict[str, Any]) -> str:
    """What a page says of an OpenAPI description, as markup."""
    info = description["info"]
    parts = [
        f'<h1 class="l-title">{escape(info["title"])} API {escape(info["version"])}</h1>',
        f"<p>{escape(info['summary'])}</p>",
        '<p>For programs: <a href="openapi.json">openapi.json</a>. Errors are application/problem+json.</p>',
    ]
    base = description["servers"][0]["url"]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts += _operation(f"{base}{path}", method, operation)
    return "".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<section class="api"><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>'
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
