"""Nothing in the repository points at a machine that a reader does not have, or at one particular registry."""

import re

from tests.style.tree import files, name

# A bracket or a backslash in each, so that this file can look at itself.
FORBIDDEN = re.compile(
    r"""
      (?<![\w.$}-])/([w]ork|[f]arm|[r]oot|[h]ome|[U]sers)/     # a path of one machine
    | py[p]i\.org | python[h]osted\.org | crates\.io | npm[j]s\.(org|com) | proxy\.golang\.org | deb\.debian\.org
    | (repo|repo1|central)\.maven\.(apache\.)?org
    | (--|extra-)index-[u]rl
    """,
    re.VERBOSE,
)
BINARY = {".png", ".gz", ".zip", ".ico", ".xlsx", ".parquet"}


def test_no_file_names_a_machine_path_or_a_registry() -> None:
    found = [
        f"{name(path)}:{number}: {match.group()}"
        for path in files()
        if path.suffix not in BINARY
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := FORBIDDEN.search(line))
    ]
    assert found == []
