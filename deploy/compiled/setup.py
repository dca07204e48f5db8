"""What is compiled, and how: the setuptools half of `build.py`, which copies this file into a tree of its own and runs it there.

The pure core is compiled, and of `schemas` the modules that it calls for every record. All of them make one group, so that a call
from one to another is a call in C. The sources are the same ones that run uncompiled; nothing here may change what they say.

mypyc drops the keywords of a class statement and keeps no annotation but a bare type. So a Struct of a compiled module may be built
and read, but not hashed, decoded or encoded: such ones live in modules that stay as they are.
"""

from pathlib import Path

COMPILED = (
    "agents",
    "tables",
    "schemas/amounts.py",
    "schemas/conditions.py",
    "schemas/effect_ids.py",
    "schemas/instants.py",
    "schemas/partitioner.py",
    "schemas/program.py",
    "schemas/reading.py",
    "schemas/schedules.py",
)
AS_THEY_ARE = {
    "tables/rocks.py": "all of its time is spent in RocksDB",
    "tables/counted.py": "its structs are decoded and encoded",
    "tables/engagement.py": "likewise",
    "tables/state.py": "likewise",
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
            opt_level="3",  # a twentieth faster than 1, for twenty seconds more of the C compiler
            debug_level="0",
        )
    )
