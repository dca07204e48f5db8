"""`python -m tests.chaos --seed N`: what `make chaos` runs."""

import sys

from tests.chaos.plan import Plan
from tests.chaos.run import Chaos

if __name__ == "__main__":
    sys.exit(Chaos(Plan.parse(sys.argv[1:])).run())
