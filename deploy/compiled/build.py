"""The same project with its core compiled to C by mypyc: a tree of its own under `build/compiled`, and a wheel of it.

An option, and never needed: the sources run as they are. No compiled file is ever put beside the sources of a checkout, where it
would go on hiding a `.py` that has been edited since. The tree is known by a digest of all that goes into it, so that it is made
again when anything has changed and nothing is done where nothing has.

    python deploy/compiled/build.py            make the tree, where it is not fresh
    python deploy/compiled/build.py --wheel    and a wheel of it in dist/

Exit codes: 0 done, 1 the build failed, 2 something is missing on this machine, and a line says what.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "compiled"
STAMP = ".built"
PACKAGES = ("schemas", "tables", "agents", "streams")
BESIDE = ("pyproject.toml", "README.md", "LICENSE")
HERE = {"setup.py": "deploy/compiled/setup.py", "struct_reads.h": "deploy/compiled/struct_reads.h"}
LOCK = "requirements-dev.lock"  # it names the compiler's version
_INSTALL = (
    "Nothing needs it but `make compile`. On Debian and Ubuntu: apt-get install gcc libc6-dev python3-dev "
    f"(or python{sys.version_info[0]}.{sys.version_info[1]}-dev); on macOS: xcode-select --install"
)

# `-P` by the environment, so that a child that is started in a checkout runs from the tree as well.
LAUNCHER = """\
#!/bin/sh
# pointstream, from this tree; made by deploy/compiled/build.py.
PYTHONPATH={tree}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1 exec {python} -c 'from streams.cli.entry import main; main()' "$@"
"""


class MissingError(Exception):
    """What this machine lacks, as a sentence that says how to get it."""


def sources() -> dict[str, Path]:
    """All that goes into the tree: where it lies there, and where it comes from."""
    found = [file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()]
    there = {file.relative_to(ROOT).as_posix(): file for file in sorted(found) if "__pycache__" not in file.parts}
    return {**there, **{name: ROOT / name for name in BESIDE}, **{name: ROOT / place for name, place in HERE.items()}}


def digest(files: dict[str, Path], tree: Path) -> str:
    """One number for what goes in, for who compiles it, and for where it stands."""
    made = hashlib.sha256(f"{sys.version} {sys.executable} {sysconfig.get_platform()} {tree}".encode())
    for name, file in {**files, LOCK: ROOT / LOCK, "build.py": Path(__file__)}.items():
        made.update(f"\n{name} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return made.hexdigest()


def is_fresh(tree: Path = TREE) -> bool:
    """Whether the tree is there and holds what the checkout holds now."""
    stamp = tree / STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == digest(sources(), tree)


def check_machine() -> None:
    """Raises `MissingError` where this machine cannot compile."""
    if find_spec("mypyc") is None:
        raise MissingError("mypyc is missing: `make install` sets up an environment that has it")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise MissingError(f"there is no C compiler here ({compiler[0]}). {_INSTALL}")
    include = sysconfig.get_path("include")
    if not (Path(include) / "Python.h").exists():
        raise MissingError(f"Python.h is missing (in {include}). {_INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.c"
        trial.write_text("#include <Python.h>\n", encoding="utf-8")
        tried = subprocess.run([*compiler, "-fsyntax-only", f"-I{include}", trial], capture_output=True, text=True, check=False)
    if tried.returncode:
        said = next((line for line in tried.stderr.splitlines() if "error" in line), "it does not say why")
        raise MissingError(f"the C compiler cannot read Python.h: {said}. {_INSTALL}")


def build(tree: Path = TREE) -> None:
    """Make the tree what the checkout is, compiled. Raises `MissingError`, or CalledProcessError where the build failed."""
    if is_fresh(tree):
        return
    check_machine()
    files = sources()
    stamp = digest(files, tree)
    _copy(files, tree)
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    done = subprocess.run(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-4_000:], file=sys.stderr)
        done.check_returncode()
    launcher = tree / "pointstream"
    launcher.write_text(LAUNCHER.format(tree=shlex.quote(str(tree)), python=shlex.quote(sys.executable)), encoding="utf-8")
    launcher.chmod(0o755)
    (tree / STAMP).write_text(stamp, encoding="utf-8")


def _copy(files: dict[str, Path], tree: Path) -> None:
    """The sources, and no compiled module of before: one that is compiled no more would go on being used."""
    for made in (STAMP, "pointstream"):  # a build that is broken off leaves no command that would run uncompiled
        (tree / made).unlink(missing_ok=True)
    before = {file.relative_to(tree).as_posix() for package in PACKAGES for file in (tree / package).rglob("*.py")}
    if before - set(files) or _differs(tree / "setup.py", files["setup.py"]):
        shutil.rmtree(tree, ignore_errors=True)
    for package in PACKAGES:
        for suffix in EXTENSION_SUFFIXES:
            for compiled in [*(tree / package).rglob(f"*{suffix}")]:
                compiled.unlink()
    for name, file in files.items():
        if _differs(tree / name, file):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, tree / name)


def _differs(there: Path, here: Path) -> bool:
    return not there.exists() or there.read_bytes() != here.read_bytes()


def wheel(tree: Path = TREE) -> str:
    """A wheel of the tree, which must be fresh; its name."""
    for copied in [*(tree / "build").glob("lib*/**/*.py")]:
        copied.unlink()  # setuptools would put what is there into the wheel, also what the sources have no more
    with tempfile.TemporaryDirectory() as folder:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
        ]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # setuptools has an opinion on folders of data
        subprocess.run([*pip, "--wheel-dir", folder, str(tree)], check=True, env=environment)
        (made,) = Path(folder).glob("*.whl")
        (ROOT / "dist").mkdir(exist_ok=True)
        shutil.move(made, ROOT / "dist" / made.name)
        return made.name


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py", description="pointstream with its core compiled, in a tree of its own.")
    parser.add_argument("--into", type=Path, default=TREE, help="where the tree is made (default: build/compiled)")
    parser.add_argument("--wheel", action="store_true", help="make a wheel of it, too, in dist/")
    options = parser.parse_args()
    tree: Path = options.into.resolve()
    try:
        if not is_fresh(tree):
            print(f"Compiling the core into {tree} (a minute or two)", flush=True)
        build(tree)
        print(f"dist/{wheel(tree)}" if options.wheel else f"{tree / 'pointstream'} is ready")
    except MissingError as error:
        print(f"compile: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"compile: {shlex.join(map(str, error.cmd))} ended with {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
