"""Words for the shapes of JSON Schema: what the published schemas are put together from."""

from typing import Any

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def text(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"}


def choice(*words: str) -> Schema:
    """The first word is the default."""
    return {"enum": list(words), "default": words[0]}


def one_of_words(*words: str) -> Schema:
    return {"enum": list(words)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(items: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    """An empty list may be left empty (null); one that needs items may not."""
    schema: Schema = {"type": "array" if least else ["array", "null"], "items": items}
    return schema | ({"minItems": least} if least else {}) | ({"maxItems": most} if most is not None else {})


def mapping(properties: Schema, *, required: list[str] | None = None, null: bool = False, **more: Any) -> Schema:
    return {
        "type": ["object", "null"] if null else "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
        **more,
    }
