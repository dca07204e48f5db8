"""What can become of somebody in a scenario, by its name in metrics. The list is closed: whoever watches knows every name beforehand."""

from typing import Final

ENTERED: Final = "entered"
REFUSED: Final = ("re-entry", "too-many", "no-consent", "too-deep", "audience")
"""Why one does not enter."""
ENDED: Final = ("ended", "left", "control-group", "withdrawn", "consent-gone", "erased")
"""How a run ends: at its last step; by a step that lets nobody further; because the scenario is there no more, or consent; with the person."""
NOTED: Final = ("no-place", "no-date", "once")
"""What a step has found on the way."""
FATES: Final = (ENTERED, *REFUSED, *ENDED, *NOTED)
