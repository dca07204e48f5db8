"""Seeded bugs: a product that is slightly wrong in one place is told from the naive model, each within a bounded number of steps.

A mutation is a function of the product, a piece of its text and what stands there instead. The function gets the code of the wrong
text while the machine runs and its own again afterwards, so whoever calls it, by whatever name, meets the bug. A piece of text that
is not there exactly once any more fails loudly: the table goes with the code.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from types import FunctionType
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from streams.check.run import check_file
from tests.conftest import ROOT
from tests.properties.machine import machine_of

CHECKS = ROOT / "tests" / "checks"
RUNS_MAX = 4_000
STEPS_OF_A_RUN = 40


class Bug(NamedTuple):
    """`flavour`: of the programs in which it is looked for, or the check file that finds it."""

    name: str
    flavour: str
    function: str  # module:qualified name
    right: str
    wrong: str


BUGS = (
    Bug(
        "the last return rounds like the others",
        "returns",
        "tables.returning:Reckoning.owed",
        "return earned.points\n",
        "return earned.given * 99 // 100 - (earned.given - earned.points)\n",
    ),
    Bug(
        "what a return takes is rounded up",
        "returns",
        "tables.returning:Reckoning._so_far",
        "int(whole * share // 1)",
        "int(-(-whole * share // 1))",
    ),
    Bug(
        "a lot is usable at the instant of its expiry (<= for <)",
        "spending",
        "agents.visit:Visit.settle_to",
        "self._settle(self, at)",
        "self._settle(self, at - 1)",
    ),
    Bug(
        "lots are spent by date only",
        "spending",
        "tables.lots:spending_place",
        "return at, lot.earned_at, lot.lot_id",
        "return at, 0, lot.lot_id",
    ),
    Bug(
        "debt is not paid on release",
        "debts",
        "tables.ledger:release",
        "return _give_back(ledger, given)",
        "owed, ledger.debt = ledger.debt, 0; back = _give_back(ledger, given); ledger.debt = owed; return back",
    ),
    Bug(
        "a float in the earning",
        "returns",
        "tables.earning:_whole_points",
        "round_ratio(amount * points, of_amount, point.rounding)",
        "round_ratio(int(amount / of_amount * points), 1, point.rounding)",
    ),
    Bug(
        "an adjustment that is sent again counts again",
        "mixed",
        "agents.adjustments:on_adjustment",
        "if known is not None:",
        "if known is not None and known.content != content:",
    ),
    Bug(
        "what was kept is forgotten by a revision",
        "returns",
        "agents.gains:_gain",
        "kept.pop((program.program, point.sid, subledger), 0) if kept else 0",
        "0",
    ),
    Bug(
        "a receipt returned whole keeps its use of a limit",
        "mixed",
        "agents.taking_back:unuse",
        "use(visit, claim.program, claim.usage, -1)",
        "pass",
    ),
    Bug(
        "a hold never runs out",
        "spending",
        "agents.holds:due",
        "in membership.holds.items()",
        "in ()",
    ),
    Bug(
        "a rollback revives what has expired",
        "spending",
        "tables.ledger:reinstate",
        "since <= lot.expires_at <= at",
        "lot.expires_at <= at",
    ),
    Bug(
        "a rollback goes back in the order of spending",
        "spending",
        "agents.spending:roll_back",
        "tuple(reversed(redeemed.parts))",
        "redeemed.parts",
    ),
    Bug(
        "a return takes other lots before the receipt's own",
        "returns",
        "tables.ledger:_sources",
        "lot.lot_id not in own, lot.active",
        "lot.lot_id in own, lot.active",
    ),
    Bug(
        "what has expired is taken again by a return",
        "returns",
        "agents.taking_back:_count_expired",
        "points = min(lot.expired, at_most - counted)",
        "points = 0",
    ),
    Bug(
        "late points that were over before a review lift a tier",
        "tiers",
        "agents.standing:_rise",
        "None if late_at is None else state.past[-1].until",
        "None",
    ),
    Bug(
        "a sale that counts for nobody claims its receipt",
        "mixed",
        "agents.claims:_has_effect",
        "if not heard:",
        "if heard:",
    ),
    Bug(
        "late points undo no fall",
        "tiers",
        "tables.tiers:mended",
        "if carried <= ladder.rank(state.tier)",
        "if carried >= ladder.rank(state.tier)",
    ),
    Bug(
        "exactly so many days ago counts still",
        "tiers",
        "tables.tiers:sum_since",
        "if at > start:",
        "if at >= start:",
    ),
    Bug(
        "reviews do not keep to their grid",
        "tiers",
        "tables.ladder:Ladder.next_review",
        "at = nominal if self._grid_us is None else round_up(",
        "at = nominal if True else round_up(",
    ),
    Bug(
        "money that came back stays spent",
        "tiers",
        "agents.returns:_unspend",
        'version.ladder.measure == "spend"',
        'version.ladder.measure == ""',
    ),
    Bug(
        "points that become active later raise no tier that measures the balance",
        "tiers",
        "agents.lots:activate",
        "standing.active_changed(visit, version, sid, subledger, at, cause)",
        "pass",
    ),
    Bug(
        "consent is asked as of now, not as of then",
        "people",
        "agents.consent:consents",
        "if name is None or field_at(profile.fields, name, at) is True:",
        "if name is None or field_at(profile.fields, name, profile.settled_at) is True:",
    ),
    Bug(
        "multipliers multiply an exclusive rule",
        "worth",
        "tables.earning:_chosen",
        "match[0].rule))], []",
        "match[0].rule))], multipliers",
    ),
    Bug(
        "a band has no lower end",
        "worth",
        "tables.earning:_banded",
        "max(high - low, 0)",
        "high",
    ),
    Bug(
        "among exclusive rules a limit that is used up makes no way",
        "worth",
        "tables.earning:_chosen",
        'if (choose == "sum" and not match[0].exclusive) or leaves([(match[0], 1)])',
        "if True",
    ),
    Bug(
        "who joins by a sale that waited for consent joins back then",
        "waiting",
        "agents.consent:joins_at",
        "else profile.settled_at",
        "else at",
    ),
    Bug(
        "a sale that waited counts for a program that waits no more",
        "waiting",
        "agents.consent:still_waits",
        "max(incoming.arrived_at, settled_at)",
        "incoming.arrived_at",
    ),
    Bug(
        "what came back while a sale waited counts",
        "waiting",
        "agents.purchases:_count_later",
        "if known.returned:",
        "if False:",
    ),
    Bug(
        "a form's consent holds from now on, not from then",
        "people",
        "agents.pixels:_store_consent",
        "consent.say(visit, name, record.occurred_at, given)",
        "consent.say(visit, name, visit.profile.settled_at, given)",
    ),
    Bug(
        "a pixel that waited for consent does nothing when it comes",
        "waiting",
        "agents.pixels:_count_later",
        "_act(visit, record, version)",
        "pass",
    ),
    Bug(
        "an event that is told too early is forgotten",
        "events",
        "agents.lifetimes:event_of",
        "max(events[0], at) if events else None",
        "next((event for event in events if event >= at), None)",
    ),
    Bug(
        "what is past its date while it is held is renewed",
        "events",
        "agents.lifetimes:_renew",
        "_lasts(version, point)(at), visit.profile.settled_at",
        "_lasts(version, point)(at), 0",
    ),
    Bug(
        "what waited in vain expires instead of being cancelled",
        "events",
        "agents.lots:end",
        "if not lot.active and lot.activates_at is None:",
        "if False:",
    ),
    Bug(
        "a late lot knows nothing of the renewals since",
        "events",
        "agents.crediting:credit",
        "if at < visit.profile.settled_at and (program, point.sid) in visit.programs.sliding:",
        "if False:",
    ),
    Bug(
        "a late visit renews from now on, not from then",
        "events",
        "agents.lifetimes:renew_all",
        "_renew(visit, version, point, subledger, at, None)",
        "_renew(visit, version, point, subledger, visit.profile.settled_at, None)",
    ),
    Bug(
        "one who comes back after an erasure is a member still",
        "claims",
        "agents.profiles:_erase",
        "membership.joined_at = None",
        "pass",
    ),
    Bug(
        "a record of the very instant of an erasure counts",
        "people",
        "agents.core:Core._react",
        "at <= known.erased_at",
        "at < known.erased_at",
    ),
    Bug(
        "a receipt belongs to whoever asked last",
        "claims",
        "agents.claims:on_request",
        "owner = request.profile_id if claim is None else claim.owner",
        "owner = request.profile_id",
    ),
    Bug(
        "what happens at the very instant of a new version is judged by the old one",
        "versions",
        "agents.programs:Programs.version",
        "bisect_right(starts, at)",
        "bisect_right(starts, at - 1) or 1",
    ),
    Bug(
        "a late request is judged by the version of its own time",
        "versions",
        "agents.redemptions:_understood",
        "visit.programs.version(record.program, at) or version",
        "version",
    ),
    Bug(
        "a return is taken from where the policy of the sale's time allows",
        "versions",
        "agents.returns:_give_back",
        "visit.programs.point(program, claim.point, at)",
        "visit.programs.point(program, claim.point, sale.closed_at)",
    ),
    Bug(
        "a parked return is forgotten when its sale comes",
        "returns",
        "agents.parking:take",
        "return found",
        "return found[:0]",
    ),
)

FOUND_BY_CHECKS = (  # so rare at random that time alone would decide
    Bug(
        "what has expired of a line is given back by another line",
        "returns-and-policies.yaml",
        "agents.taking_back:take_back",
        "of_theirs = min(owed, _share_of(theirs, came_back))",
        "of_theirs = 0",
    ),
)


@contextmanager
def seeded(bug: Bug) -> Iterator[None]:
    module, _, name = bug.function.partition(":")
    function = attrgetter(name)(import_module(module))
    assert isinstance(function, FunctionType)
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(bug.right) == 1, f"{function.__qualname__} does not say {bug.right!r} exactly once any more"
    names: dict[str, object] = {}
    compiled = compile(text.replace(bug.right, bug.wrong), f"<{bug.name}>", "exec", flags=0, dont_inherit=True)
    exec(compiled, {**function.__globals__, "__name__": function.__module__}, names)
    wrong = names[function.__name__]
    assert isinstance(wrong, FunctionType)
    right, function.__code__ = function.__code__, wrong.__code__
    try:
        yield
    finally:
        function.__code__ = right


@pytest.mark.seeded
@pytest.mark.slow
@pytest.mark.timeout(300)  # most are found in seconds, the rarest after some 20,000 steps
@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_seeded_bug_is_found(bug: Bug) -> None:
    machine = machine_of(bug.flavour)
    drive = settings(
        max_examples=RUNS_MAX,
        stateful_step_count=STEPS_OF_A_RUN,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    with seeded(bug), pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=drive)
    print(f"{bug.name}: found after {machine.steps_taken:,} steps")


@pytest.mark.seeded
@pytest.mark.parametrize("bug", FOUND_BY_CHECKS, ids=[bug.name for bug in FOUND_BY_CHECKS])
def test_a_seeded_bug_is_found_by_a_check_file(bug: Bug) -> None:
    path = CHECKS / bug.flavour
    assert all([result.passed for result in check_file(path, path.name).results])
    with seeded(bug):
        assert not all([result.passed for result in check_file(path, path.name).results])
