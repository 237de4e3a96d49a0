"""The OpenAPI description as a page that needs no script and no other host; the description itself is at /openapi.json."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.5rem;border:1px solid #8886}summary{cursor:pointer}"""


def docs_page(description: dict[str, Any]) -> str:
    """HTML of an OpenAPI description."""
    about = description["info"]
    parts = [f"<h1>{escape(about['title'])} {escape(about['version'])}</h1>", _INTRODUCTION]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            said = escape(operation.get("description", ""))
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{said}</p>")
            if body is not None:
                name = body.get("$ref", "").rpartition("/")[2]
                schema = description.get("components", {}).get("schemas", {}).get(name, body)
                text = escape(json.dumps(schema.get("properties", schema), indent=1))
                parts.append(f"<details><summary>{escape(name or 'body')}</summary><pre>{text}</pre></details>")
    head = (
        f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(about['title'])}</title>"
    )
    return f"<!doctype html><html lang=en>{head}<style>{_STYLE}</style><main>{''.join(parts)}</main></html>"


_INTRODUCTION = """<p>A world model to ask: JSON in, JSON out; an error is one sentence, <code>{"error": ...}</code>. Robots
connect to this address by WebSocket. The same as a description for programs: <a href="/openapi.json">/openapi.json</a>.</p>"""
