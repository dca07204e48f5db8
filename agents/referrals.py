"""Referrals: who brought a friend is rewarded when the friend's first purchase is final.

Pure. A profile's own code is a field of it; setting it claims the code at the code's key, where the first to come owns it for good, until it
is erased. The friend's first purchase names a code (`referral_code`); it is final so long after it closed, by a timer at the friend: if by
then it is cancelled, or no more than nothing, or less than the minimum is left of it, nobody is rewarded, and no later purchase is the first.
Else the code's key tells its owner, who gets the promotion's points at the instant at which it became final. Nobody refers oneself.

Each of these is said once: the friend's state knows its first purchase, the owner remembers what it was told.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from agents import consent, counts, promotions
from agents.due import REFERRAL, Due
from agents.outbox import Effect, Outbox
from agents.programs import Version
from agents.returns import sale_of
from agents.visit import Visit
from schemas.campaigns import Referral
from schemas.events import Cause
from schemas.instants import LATEST, Instant, format_instant
from schemas.messages import Grant, Granted
from schemas.outcomes import APPLIED
from schemas.records import Record, Sale, event_time
from schemas.topics import REPLIES
from tables.basis import knows_currency
from tables.engagement import Referring, Reward
from tables.keys import claim_key, identity_key, receipt_key
from tables.returning import Reckoning
from tables.state import Claim, Profile, Receipt, Saw, Seen
from tables.table import Table
from tables.timelines import BYTES_MAX, VALUES_MAX, field_at, size_of

REFERRALS: Final = "referral"
_KIND: Final = "referred"
OUTCOMES: Final = ("rewarded", "not-rewarded", "not-final", "unknown-code", "oneself", "code-taken")


# at the friend, and at whoever has a code


def after_record(visit: Visit, record: Record, versions: list[Version], outcome: str) -> None:
    """The profile's own code is claimed, and its first purchase noted, for each program that rewards referrals."""
    at = event_time(record)
    for name in visit.programs.referring:
        version = visit.programs.version(name, at)
        if version is None or version.program.campaigns.referral is None or version.program.status != "active":
            continue
        _claim(visit, version, version.program.campaigns.referral, at)
        if type(record) is Sale and outcome == APPLIED and version in versions:
            _note(visit, version, version.program.campaigns.referral, record)


def _claim(visit: Visit, version: Version, referral: Referral, at: Instant) -> None:
    code = _text(field_at(visit.profile.fields, referral.code, max(at, visit.profile.settled_at)))
    program = version.program.program
    known = _known(visit.profile, program)
    if code and known.code != code:
        _put(visit, program, code=code, earlier=_earlier(known, code))
        _say(visit, "own", program, code, code, at)


def _earlier(known: Referring, code: str) -> tuple[str, ...]:
    """The codes that were claimed before this one, to be given up by an erasure, however long ago that was. Of very many the oldest are
    forgotten, as of the values of a field.
    """
    kept = [before for before in known.earlier if before != code] + ([] if known.code is None else [known.code])
    taken = sum([size_of(before) for before in kept])
    while taken > BYTES_MAX or len(kept) > VALUES_MAX:
        taken -= size_of(kept.pop(0))
    return tuple(kept)


def _text(value: object) -> str:
    """A code as text, also where a feed spells it as a number; empty where it is none."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _note(visit: Visit, version: Version, referral: Referral, sale: Sale) -> None:
    """The first purchase that counts; a higher revision of it takes its place. Lines that are all voided are none."""
    program = version.program
    if not consent.counts(visit.profile, program, sale.closed_at):
        return
    known = _known(visit.profile, program.program)
    place = (sale.application, sale.receipt_id)
    again = place == (known.application, known.receipt_id)
    if known.bought_at is None and not any([line.quantity for line in sale.lines]):
        return
    if known.bought_at is not None and not (again and (known.friends_code is None or known.final_at is not None)):
        return
    final_at = None
    if sale.referral_code is not None:
        final_at = referral.final_after.activates_at(sale.closed_at, program.timezone, program.leap_day)
    _put(
        visit,
        program.program,
        bought_at=sale.closed_at,
        application=sale.application,
        receipt_id=sale.receipt_id,
        friends_code=sale.referral_code,
        final_at=final_at,
    )
    visit.due_by(final_at)


def due(profile: Profile) -> Iterator[Due]:
    for program, engagement in profile.engagements.items():
        if engagement.referring.final_at is not None:
            yield Due(engagement.referring.final_at, REFERRAL, 0, "", program, "")


def fire(visit: Visit, due: Due) -> None:
    """The first purchase is final: whoever owns the code that it names is told, if enough of it is left."""
    program = due.program
    known = _known(visit.profile, program)
    _put(visit, program, final_at=None)
    if known.friends_code is not None and program in visit.programs:
        if _left(visit, program, known):
            cause: Cause = {"timer": REFERRALS, "due_at": format_instant(due.at)}
            entry = visit.effect_id(program, "refer", known.friends_code, cause)
            _say(visit, "refer", program, known.friends_code, entry, due.at)
        else:
            visit.count((REFERRALS, program, "not-final"))


def _left(visit: Visit, program: str, known: Referring) -> bool:
    """Whether the first purchase counts still, and is worth the minimum."""
    key = receipt_key(visit.profile_id, known.application, known.receipt_id)
    receipt = visit.recall(Receipt, key)
    sale = None if receipt is None else sale_of(receipt)
    if receipt is None or sale is None:
        return False
    version = visit.programs.version(program, sale.closed_at)
    if version is None or version.program.campaigns.referral is None or not knows_currency(version.program, sale):
        return False
    rest = Reckoning(version.rulebook, sale, Saw(program), receipt.returned, receipt.refunded)
    return not rest.nothing_left and rest.spend_nano >= version.program.campaigns.referral.minimum_nano


def forget(visit: Visit) -> None:
    """An erasure: the profile's codes are nobody's any more, and no budget is taken for what it waits for."""
    for program, engagement in visit.profile.engagements.items():
        known = engagement.referring
        for reward in known.rewards:
            subject = counts.budget_of(program, reward.promotion)
            counts.give_back(visit, program, subject, reward.asked, counts.ALL, visit.profile.settled_at)
        version = visit.programs.version(program, visit.profile.settled_at) if program in visit.programs else None
        referral = None if version is None else version.program.campaigns.referral
        line = () if referral is None else visit.profile.fields.get(referral.code, ())
        for code in dict.fromkeys([known.code or "", *known.earlier, *[_text(value) for _, value in line]]):
            if code:
                _say(visit, "disown", program, code, code, visit.profile.settled_at)


# at the code's key


def on_request(table: Table, request: Grant, outbox: Outbox) -> None:
    """The first profile that sets a code owns it; who was referred by it is told to its owner."""
    key = claim_key("", request.subject)
    claim = table.find(Claim, key)
    if request.kind == "own":
        if claim is None:
            table.put(key, Claim(request.profile_id, LATEST))
        elif claim.owner != request.profile_id:
            outbox.counts[REFERRALS, request.program, "code-taken"] += 1
    elif request.kind == "disown":
        if claim is not None and claim.owner == request.profile_id:
            table.put(key, None)
    elif claim is None or claim.owner == request.profile_id:
        outbox.counts[REFERRALS, request.program, "unknown-code" if claim is None else "oneself"] += 1
    else:
        reply = Granted(
            kind="referred",
            subject=request.subject,
            program=request.program,
            profile_id=claim.owner,
            entry=request.entry,
            at=request.at,
            cause=request.cause,
        )
        outbox.messages.append(Effect(REPLIES, claim.owner, reply))


# at the owner


def referred(visit: Visit, granted: Granted) -> None:
    """A friend's first purchase is final: the reward, once a friend."""
    program, at = granted.program, granted.at
    key = identity_key(visit.profile_id, _KIND, program, granted.entry)
    known = _known(visit.profile, program)
    if visit.find(Seen, key) is not None or known.code is None:
        return  # told before, or erased since
    visit.settle_to(at)
    visit.remember(key, Seen(b"", at))
    version = visit.programs.version(program, at) if program in visit.programs else None
    referral = None if version is None else version.program.campaigns.referral
    if version is None or referral is None:
        visit.count((REFERRALS, program, "not-rewarded"))
        return
    promotion = version.program.campaigns.promotions[referral.promotion]
    points = referral.points_minor
    if promotion.budget is not None:
        left, _ = promotions.room(visit, version, promotion, points, at)
        if left:
            asked = f"{REFERRALS}/{granted.entry}"
            counts.budget(visit, version, promotion, left, asked, at)
            reward = Reward(asked, at, version.program.effective_from, promotion.promotion, points)
            _put(visit, program, rewards=(*known.rewards, reward))
            return
    _award(visit, version, promotion.promotion, points, at, granted.entry, None)


def answered(visit: Visit, granted: Granted) -> bool:
    """What a budget granted a reward that waited for it. False: no reward did."""
    known = _known(visit.profile, granted.program)
    reward = next((waiting for waiting in known.rewards if waiting.asked == granted.entry), None)
    if reward is None:
        return False
    _put(visit, granted.program, rewards=tuple([waiting for waiting in known.rewards if waiting is not reward]))
    visit.cause = {"timer": REFERRALS, "due_at": format_instant(reward.at)}
    version = visit.programs.version(granted.program, reward.version)
    booked = 0
    if version is not None and reward.promotion in version.program.campaigns.promotions:
        booked = _award(visit, version, reward.promotion, reward.points_minor, reward.at, granted.entry, granted.amount)
    counts.give_back(visit, granted.program, granted.subject, granted.entry, granted.amount - booked, granted.at)
    return True


def _award(visit: Visit, version: Version, promotion: str, points: int, at: Instant, about: str, granted: int | None) -> int:
    """Returns how many points (minor) were booked."""
    named = version.program.campaigns.promotions[promotion]
    cause: Cause = {"timer": REFERRALS, "due_at": format_instant(at)}
    result = promotions.award(visit, version, named, points, at, None, cause=cause, about=about, granted=granted)
    visit.count((REFERRALS, version.program.program, "rewarded" if result.entry is not None else "not-rewarded"))
    return result.points_minor


def _known(profile: Profile, program: str) -> Referring:
    engagement = profile.engagements.get(program)
    return Referring() if engagement is None else engagement.referring


def _put(visit: Visit, program: str, **changes: object) -> None:
    engagement = visit.engagement(program)
    engagement.referring = structs.replace(engagement.referring, **changes)
    visit.touch()


def _say(visit: Visit, kind: str, program: str, code: str, entry: str, at: Instant) -> None:
    cause: Cause | None = {"timer": REFERRALS, "due_at": format_instant(at)} if kind == "refer" else None
    visit.ask(
        Grant(
            kind=kind,  # type: ignore[arg-type]
            subject=f"{REFERRALS}/{program}/{code}",
            program=program,
            profile_id=visit.profile_id,
            entry=entry,
            at=at,
            cause=cause,
        )
    )
