"""Keys: under what a partition's states lie. The first letter tells the kind of state.

`p` profile, `r` receipt, `l` a lot that is used up, `q` a page of open lots, `d` a redemption, `c` a claim, `g` what was granted, `n`
how much was granted altogether, `i` the identity of any other record, `v` what a program was planned by. A profile id holds no control
character, so 0 ends it.
"""

from typing import Final

from tables.counted import Given
from tables.state import Claim, Receipt, Redemption, Remembered, Seen, UsedLot

PROFILE: Final = b"p"
KINDS: Final[tuple[tuple[bytes, type[Remembered]], ...]] = (
    (b"c", Claim),
    (b"d", Redemption),
    (b"g", Given),
    (b"i", Seen),
    (b"l", UsedLot),
    (b"r", Receipt),
)


def profile_key(profile_id: str) -> bytes:
    return PROFILE + profile_id.encode()


def receipt_key(profile_id: str, application: str, receipt_id: str) -> bytes:
    return b"r%b\x00%b\x00%b" % (profile_id.encode(), application.encode(), receipt_id.encode())


def lot_key(profile_id: str, lot_id: str) -> bytes:
    return b"l%b\x00%b" % (profile_id.encode(), lot_id.encode())


def redemption_key(profile_id: str, redemption_id: str) -> bytes:
    return b"d%b\x00%b" % (profile_id.encode(), redemption_id.encode())


def identity_key(profile_id: str, kind: str, application: str, business_key: str) -> bytes:
    """Of a return, a pixel, an adjustment or a profile record."""
    return b"i%b\x00%b\x00%b\x00%b" % (profile_id.encode(), kind.encode(), application.encode(), business_key.encode())


def claim_key(application: str, receipt_id: str) -> bytes:
    return b"c%b\x00%b" % (application.encode(), receipt_id.encode())


def given_key(identity: str) -> bytes:
    """Of one grant. `identity`: a digest of the subject, the profile and what it asked for, so that no key names a person."""
    return b"g%b" % identity.encode()


def count_key(subject: str, person: str = "") -> bytes:
    """Of all that was granted of a subject, or of what one profile was (`person`: a digest)."""
    return b"n%b\x00%b" % (subject.encode(), person.encode())


def planned_key(program: str) -> bytes:
    return b"v%b" % program.encode()


def page_key(profile_id: str, program: str, ledger_key: str, number: int) -> bytes:
    return b"q%b\x00%b\x00%b\x00%d" % (profile_id.encode(), program.encode(), ledger_key.encode(), number)
