"""What is compiled, and how: the setuptools half of `build.py`, which copies this file into a tree of its own and runs it there.

The pure core is compiled, and of `schemas` the modules that it calls for every record. All of them make one group, so that a call
from one to another is a call in C. Each is a C file of its own, so that all cores of the machine compile at once: as one file they
keep one core busy for twice the time and run no faster. The sources are the same ones that run uncompiled; nothing here may change
what they say.

mypyc drops the keywords of a class statement and keeps no annotation but a bare type. So a Struct of a compiled module may be built
and read, but not hashed, decoded or encoded: such ones live in modules that stay as they are.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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


def main() -> None:
    from mypyc.build import mypycify
    from setuptools import setup
    from setuptools.command.build_ext import build_ext

    cores = os.cpu_count() or 1

    class AllCores(build_ext):
        """setuptools compiles extensions side by side, but the files of one extension one by one; here one has nearly all of them."""

        def build_extensions(self) -> None:
            one_by_one = self.compiler.compile

            def side_by_side(sources: list[str], **options: Any) -> list[str]:
                by_size = sorted(sources, key=lambda source: -Path(source).stat().st_size)
                with ThreadPoolExecutor(cores) as pool:
                    made = dict(zip(by_size, pool.map(lambda source: one_by_one([source], **options), by_size), strict=True))
                return [compiled for source in sources for compiled in made[source]]

            self.compiler.compile = side_by_side
            self.parallel = cores
            super().build_extensions()

    extensions = mypycify(
        [*modules(Path.cwd()), "--config-file", "pyproject.toml"],
        group_name="pointstream_core",
        multi_file=True,
        opt_level="2",  # no more instructions a receipt than with 3
        debug_level="0",
    )
    reads = str(Path(__file__).with_name("struct_reads.h"))
    for extension in extensions:
        hidden = "-fvisibility=hidden"  # a call from file to file needs no table
        first = ["-include", reads] if extension.include_dirs else []  # a module's own file only leads to where all of them are
        extension.extra_compile_args = [*extension.extra_compile_args, hidden, *first]
        extension.depends = [*extension.depends, reads]
    setup(ext_modules=extensions, cmdclass={"build_ext": AllCores})


if __name__ == "__main__":
    main()
