"""An environment for Quix Streams alone, in build/quix, from a lock of its own: it wants another confluent-kafka than the product.

Made once, and again when the lock has changed. Where it cannot be made (no registry can be reached), the benchmarks go on without.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.measure import ROOT, Say

LOCK: Final = ROOT / "benchmarks" / "quix.lock"
HOME: Final = ROOT / "build" / "quix"
_SECONDS: Final = 300.0


def quix_python(tell: Say) -> tuple[Path | None, str]:
    """Its interpreter; None, and why, where there is none."""
    stamp, wanted = HOME / ".installed", hashlib.sha256(sys.version.encode() + LOCK.read_bytes()).hexdigest()
    python = HOME / "bin" / "python"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python, ""
    tell("installing Quix Streams into build/quix (benchmarks/quix.lock)")
    shutil.rmtree(HOME, ignore_errors=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
    try:
        for command in ([sys.executable, "-m", "venv", str(HOME)], pip):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "it does not say why").strip().splitlines()
        return None, said[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    stamp.write_text(wanted, encoding="utf-8")
    return python, ""
