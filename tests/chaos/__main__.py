"""`python -m tests.chaos --seed N`: what `make chaos` runs."""

import signal
import sys

from tests.chaos.plan import Plan
from tests.chaos.run import Chaos

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: nothing that it has started stays
    sys.exit(Chaos(Plan.parse(sys.argv[1:])).run())
