"""How deep a JSON text is nested, before anybody decodes it.

Pure. The decoder's own end is that of the interpreter's stack: how deep a text may be would depend on who calls, and a record that a worker
refuses would be applied when the run is replayed. So the depth is bounded by us, well above what a feed needs and well below that end.
"""

from typing import Final

NESTED_MAX: Final = 200
_BESIDE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_AS_LISTS: Final = bytes.maketrans(b"{}", b"[]")


def too_deep(text: bytes) -> bool:
    """Whether lists and objects lie in each other more than `NESTED_MAX` deep. Nearly every record is answered for by counting."""
    if len(text) <= NESTED_MAX or text.count(b"[") + text.count(b"{") <= NESTED_MAX:
        return False
    if b"\\" in text:  # what is escaped in a text neither ends it nor opens anything
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = b"".join(text.translate(_AS_LISTS, _BESIDE).split(b'"')[::2])
    for _ in range(NESTED_MAX):
        inner = len(brackets)
        brackets = brackets.replace(b"[]", b"")  # the innermost of all; one depth less is left
        if len(brackets) == inner:
            break
    return brackets.count(b"[") > NESTED_MAX or b"[]" in brackets
