"""Counts: places, budgets and codes, which all profiles share, are counted at one key and asked for by a message to it.

Pure. Where a step needs some of what is counted its run waits; the question goes to the partition of the subject, and the answer resumes
the run, which books at the instant of its step. Each grant is remembered by subject, profile and what asked (`entry`), for as long as the
program remembers: so asking again is answered alike, and takes nothing twice. The counts themselves stand for ever, as a budget does.
In files a question is answered before the next record. No key and no value here names a person: profiles are digests.

A place is kept, whatever becomes of its run, and is the profile's for good. What a budget granted and nobody booked, because the run has
ended meanwhile, or a limit of the profile left less room, is given back by one more message.
"""

from typing import Final

from agents.carrying import incoming_of
from agents.incoming import Incoming
from agents.outbox import Effect, Outbox
from agents.plans import Fork
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import POINTS_MINOR_MAX, minor_of
from schemas.campaigns import Award, Places, Promotion
from schemas.effect_ids import effect_id
from schemas.events import Cause, LedgerEntry
from schemas.instants import Instant
from schemas.messages import Carried, Grant, Granted
from schemas.topics import REPLIES
from tables.counted import Count, Given
from tables.engagement import Engagement
from tables.keys import count_key, given_key
from tables.table import Table

SUBJECTS: Final = ("limit", "budget", "code")
GRANTS: Final = ("granted", "truncated", "refused")
_LIMIT: Final = "limit/"
_BUDGET: Final = "budget/"


# what a profile asks


def place(visit: Visit, version: Version, scenario: str, ordinal: int, asked: str, at: Instant) -> int | None:
    """Is there a place at the scenario's n-th `limit` for this run? None: it has been asked, and `runs.answered` goes on with `asked`."""
    program = version.program
    plan = version.playbook.plans[scenario]
    participants = next(
        op.step.participants for op in plan.ops if isinstance(op, Fork) and isinstance(op.step, Places) and op.ordinal == ordinal
    )
    subject = f"{_LIMIT}{program.program}/{scenario}/{ordinal}"
    ask(visit, program.program, subject, asked, at, cap=participants, keeps=True)
    return None


def budget(visit: Visit, version: Version, promotion: Promotion, points_minor: int, asked: str, at: Instant) -> int | None:
    """How many of these points does the promotion's budget leave? None: it has been asked, likewise."""
    bound = promotion.budget
    if bound is None:
        return points_minor
    program = version.program.program
    subject = budget_of(program, promotion.promotion)
    truncate = bound.on_cap == "truncate"
    ask(visit, program, subject, asked, at, points_minor, cap=bound.points_minor, truncate=truncate)
    return None


def budget_of(program: str, promotion: str) -> str:
    """The subject at which a promotion's budget is counted."""
    return f"{_BUDGET}{program}/{promotion}"


def ask(
    visit: Visit,
    program: str,
    subject: str,
    entry: str,
    at: Instant,
    amount: int = 1,
    *,
    cap: int | None = None,
    per_profile: int | None = None,
    truncate: bool = False,
    keeps: bool = False,
    cause: Cause | None = None,
    carried: Carried | None = None,
) -> None:
    """One question. `entry` tells it from every other one of this profile about the subject."""
    visit.ask(
        Grant(
            kind="grant",
            subject=subject,
            program=program,
            profile_id=visit.profile_id,
            entry=entry,
            at=at,
            amount=amount,
            cap=cap,
            per_profile=per_profile,
            truncate=truncate,
            keeps=keeps,
            cause=cause,
            carried=carried,
        )
    )
    visit.touch()


def give_back(visit: Visit, program: str, subject: str, entry: str, amount: int, at: Instant) -> None:
    """So much of a grant was not used."""
    if amount > 0:
        visit.ask(
            Grant(
                kind="give-back",
                subject=subject,
                program=program,
                profile_id=visit.profile_id,
                entry=entry,
                at=at,
                amount=amount,
            )
        )
        visit.touch()


def settle_up(visit: Visit, granted: Granted, said: int) -> None:
    """What a run was granted of a budget and has not booked is given back: it has ended, or a limit of the profile left less room.

    `said`: how many effects there were before it went on. Only its own step can have booked of this promotion since: whoever else
    would has to ask first.
    """
    if granted.subject.startswith(_BUDGET):
        promotion = granted.subject.removeprefix(budget_of(granted.program, ""))
        entries = [effect.record for effect in visit.effects[said:] if isinstance(effect.record, LedgerEntry)]
        booked = sum([minor_of(entry.points or "0") for entry in entries if entry.promotion == promotion])
        give_back(visit, granted.program, granted.subject, granted.entry, granted.amount - booked, granted.at)


def let_go(visit: Visit, program: str, engagement: Engagement) -> None:
    """Runs that wait for an answer are gone (an erasure): nothing that a budget grants them is booked. A place stays taken."""
    for run in engagement.runs:
        pinned = visit.programs.version(program, run.version) if run.asked is not None and program in visit.programs else None
        plan = None if pinned is None else pinned.playbook.plans.get(run.scenario)
        op = None if plan is None or run.step >= len(plan.ops) else plan.ops[run.step]
        if isinstance(op, Award) and run.asked is not None:
            give_back(visit, program, budget_of(program, op.promotion), run.asked, ALL, visit.profile.settled_at)


ALL: Final = 1 << 62


# at the key that counts


def on_grant(table: Table, grant: Grant, arrived_at: Instant, remember_us: Instant, outbox: Outbox) -> None:
    """The first to come are granted; whoever has asked before is answered as before."""
    person = effect_id(f"{grant.subject}\x1f{grant.profile_id}", 0)
    key = given_key(effect_id(f"{grant.subject}\x1f{grant.profile_id}\x1f{grant.entry}", 0))
    given = table.find(Given, key)
    if given is not None and given.last_at + remember_us < arrived_at:
        given = None
    if grant.kind == "give-back":
        _take_back(table, grant, given, key, person)
        return
    if given is None:
        given = Given(_grant(table, grant, person), grant.at)
        table.put(key, given)
    reply = Granted(
        kind="counted",
        subject=grant.subject,
        program=grant.program,
        profile_id=grant.profile_id,
        entry=grant.entry,
        at=grant.at,
        amount=given.amount,
        cause=grant.cause,
        carried=grant.carried,
    )
    outbox.messages.append(Effect(REPLIES, grant.profile_id, reply))
    granted = "granted" if given.amount == grant.amount else "truncated" if given.amount else "refused"
    outbox.counts["grant", grant.program, grant.subject.partition("/")[0], granted] += 1


def _grant(table: Table, grant: Grant, person: str) -> int:
    """How much of what is asked there is, and count it."""
    by_profile = grant.per_profile is not None or grant.keeps
    mine = _total(table, grant.subject, person) if by_profile else 0
    if grant.keeps and mine:
        return grant.amount
    total = _total(table, grant.subject)
    left = min(grant.amount, max((POINTS_MINOR_MAX if grant.cap is None else grant.cap) - total, 0))
    if grant.per_profile is not None:
        left = min(left, max(grant.per_profile - mine, 0))
    if left < grant.amount and not grant.truncate:
        return 0
    if left:
        table.put(count_key(grant.subject), Count(total + left))
        if by_profile:
            table.put(count_key(grant.subject, person), Count(mine + left))
    return left


def _take_back(table: Table, grant: Grant, given: Given | None, key: bytes, person: str) -> None:
    """Once a grant."""
    if given is None or given.back:  # None: forgotten by age, and so is whoever asked
        return
    back = min(grant.amount, given.amount)
    table.put(count_key(grant.subject), Count(max(_total(table, grant.subject) - back, 0)))
    mine = _total(table, grant.subject, person)
    if mine:
        table.put(count_key(grant.subject, person), Count(max(mine - back, 0)))
    table.put(key, Given(given.amount - back, max(given.last_at, grant.at), back=True))


def _total(table: Table, subject: str, person: str = "") -> int:
    count = table.find(Count, count_key(subject, person))
    return 0 if count is None else count.total


def carried_of(granted: Granted) -> list[Incoming]:
    """What travelled with the question, as it came."""
    return [] if granted.carried is None else [incoming_of(granted.carried)]
