"""The OpenAPI description as a page for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

_PROBLEM = {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "this is no music file"}
# What to type, behind "curl ADDRESS", where a request has a body.
_CURL = {
    "multipart/form-data": "-F file=@song.mp3",
    "application/json": "-H 'Content-Type: application/json' -d '{}'",
}


def api_page(description: dict[str, Any]) -> str:
    """What a page says of an OpenAPI description, as markup."""
    info, shapes = description["info"], description["components"]["schemas"]
    base = description["servers"][0]["url"]
    parts = [
        f'<h1 class="l-title">{escape(info["title"])} API {escape(info["version"])}</h1>',
        f"<p>{escape(info['summary'])}</p>",
        f'<p>For programs: <a href="{base}/openapi.json">openapi.json</a>.',
        f" An error is application/problem+json, with a sentence in <code>detail</code>:</p>{_code(_PROBLEM)}",
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts += _Operation(f"{base}{path}", method, operation, shapes).markup()
    return "".join(parts)


class _Operation:
    """One method of one address."""

    def __init__(self, path: str, method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> None:
        self._path, self._method, self._operation, self._shapes = path, method, operation, shapes

    def markup(self) -> Iterator[str]:
        operation = self._operation
        yield f'<section class="api"><h2><b>{self._method.upper()}</b> <code>{escape(self._path)}</code></h2>'
        yield f"<p>{_text(operation.get('description', ''))}</p>"
        parameters = operation.get("parameters", [])
        if parameters:
            rows = ((p["name"], _kind(p["schema"]), p.get("description", "")) for p in parameters)
            yield f"<h3>Query</h3>{_table(rows)}"
        if body := operation.get("requestBody"):
            yield f"<h3>Body</h3><p>{_text(body.get('description', ''))}</p>"
            for kind, content in body["content"].items():
                yield f"<p><code>{escape(kind)}</code></p>{self._fields(content['schema'])}"
        yield from self._try()
        yield from self._answers()
        yield "</section>"

    def _try(self) -> Iterator[str]:
        content = self._operation.get("requestBody", {}).get("content", {})
        kind = next((kind for kind in content if kind in _CURL), None)
        option = "" if kind is None else _CURL[kind]
        if kind == "application/json":
            option = option.replace("{}", json.dumps(self._example(content[kind]["schema"])))
        command = " ".join(part for part in ("curl", option, f"http://127.0.0.1:8080{self._path}") if part)
        yield f'<pre tabindex="0"><code>{escape(command)}</code></pre>'

    def _answers(self) -> Iterator[str]:
        responses = self._operation["responses"]
        good = responses["200"]
        yield f"<h3>Answer</h3><p>{_text(good['description'])}</p>"
        for content in good["content"].values():
            yield self._fields(content["schema"])
            if example := self._example(content["schema"]):
                yield _code(example)
        rows = ((status, answer["description"]) for status, answer in sorted(responses.items()) if status != "200")
        yield f"<h3>Errors</h3>{_table(rows)}"

    def _fields(self, schema: dict[str, Any]) -> str:
        shape = self._shape(schema)
        needed = shape.get("required", ())
        rows = [
            (name, _kind(field) + ("" if name in needed else ", optional"), field.get("description", ""))
            for name, field in shape.get("properties", {}).items()
        ]
        return _table(rows) if rows else ""

    def _example(self, schema: dict[str, Any]) -> Any:
        return next(iter(self._shape(schema).get("examples", ())), None)

    def _shape(self, schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        shape: dict[str, Any] = self._shapes[name] if name else schema
        return shape


def _table(rows: Iterable[Iterable[Any]]) -> str:
    cells = ("".join(f"<td>{_text(str(cell))}</td>" for cell in row) for row in rows)
    return '<table tabindex="0">' + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _text(text: str) -> str:
    """Words of a description, in which `code` is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _code(value: Any) -> str:
    # what is wider than the page is scrolled to, by keys as well
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def _kind(schema: dict[str, Any]) -> str:
    """What a value is, in words: "string", "integer or null", "list of Hit"."""
    found = []
    for one in schema.get("anyOf", [schema]):
        if "$ref" in one:
            found.append(one["$ref"].rpartition("/")[2])
        elif one.get("type") == "array":
            found.append(f"list of {_kind(one['items'])}")
        else:
            found.append("file" if one.get("format") == "binary" else one.get("type", "any"))
    return " or ".join(found)
