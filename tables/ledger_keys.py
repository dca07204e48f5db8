"""The keys of ledgers within a membership: a point type, and the subledger where there is one. Pure; asked several times a record."""


def ledger_key(point: str, subledger: str) -> str:
    return f"{point}/{subledger}" if subledger else point


def split_ledger_key(key: str) -> tuple[str, str]:
    """(point, subledger); a point's sid never holds a slash."""
    point, _, subledger = key.partition("/")
    return point, subledger
