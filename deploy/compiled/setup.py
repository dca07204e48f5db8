"""What is compiled, and how: the setuptools half of `build.py`, which copies this file into a tree of its own and runs it there.

The pure core is compiled, and of `schemas` the modules that it calls for every record. All of them make one group, so that a call
from one to another is a call in C. The sources are the same ones that run uncompiled; nothing here may change what they say.
"""

import os
from pathlib import Path

COMPILED = ("agents", "tables", "schemas/amounts.py", "schemas/instants.py")
AS_THEY_ARE = {
    "agents/balances.py": "goes with `agents/shown_lots.py`",
    "agents/shown_lots.py": "hands on text where a tuple is declared, which compiled code would refuse",
    "tables/rocks.py": "all of its time is spent in RocksDB",
    "tables/state.py": "msgspec reads the annotations of its structs, and cannot read the aliases that a compiled module holds",
    "tables/store.py": "a protocol: there is nothing to run",
    "tables/stored.py": "hands everything to msgspec",
}


def modules(root: Path) -> list[str]:
    """The files that are compiled, relative to the root, sorted."""
    places = [root / place for place in COMPILED]
    found = [file for place in places for file in (place.glob("*.py") if place.is_dir() else [place])]
    names = [file.relative_to(root).as_posix() for file in found if file.name != "__init__.py"]
    return sorted(name for name in names if name not in AS_THEY_ARE)


if __name__ == "__main__":
    from mypyc.build import mypycify
    from setuptools import setup

    setup(
        ext_modules=mypycify(
            [*modules(Path.cwd()), "--config-file", "pyproject.toml"],
            group_name="pointstream_core",
            opt_level=os.environ.get("OPT", "2"),
            debug_level="0",
        )
    )
