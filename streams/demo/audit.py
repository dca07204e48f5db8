"""The closing checks: do the figures add up, and are they those that the till feed expects?

Pure, over what the feed says it sent and what the topics say became of it. Each check is a claim with its figures; the
demo prints them with a mark and ends with 1 where one does not hold.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from schemas.outcomes import DEAD_LETTER, OUTCOMES, PARKED
from streams.demo.story import TERMS, Story
from streams.demo.tills import Truth


class Check(NamedTuple):
    """One claim, whether it holds, and the figures that show it."""

    claim: str
    holds: bool
    figures: str


class Sent:
    """What the feed sent, by what ought to become of it. Counted when the broker confirms a record, not before."""

    def __init__(self) -> None:
        self.records = 0
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.deeds: Counter[str] = Counter()

    def confirm(self, truth: Truth) -> None:
        self.records += 1
        self.outcomes[truth.outcome] += 1
        self.deeds[truth.deed] += 1
        if truth.reason is not None:
            self.reasons[truth.reason] += 1


def audit(sent: Sent, story: Story) -> list[Check]:
    """Every check of the closing summary, in the order in which a reader asks."""
    return list(_checks(sent, story))


def _checks(sent: Sent, story: Story) -> Iterator[Check]:
    parts = [(outcome, story.outcomes[outcome]) for outcome in OUTCOMES]
    unknown = sum(story.outcomes.values()) - sum(count for _, count in parts)
    yield Check(
        "every record in has exactly one outcome",
        sent.records == sum(count for _, count in parts) and unknown == 0,
        f"{sent.records:,} = " + " + ".join(f"{count:,} {outcome}" for outcome, count in parts if count),
    )
    yield Check(
        "each outcome is the one that the feed expects",
        all(sent.outcomes[outcome] == story.outcomes[outcome] for outcome in OUTCOMES),
        _compared(sent.outcomes, story.outcomes) or "the feed knows what it spoilt",
    )
    waiting = story.outcomes[PARKED] - story.parked.total()
    yield Check(
        "what had to wait was told in the end, or waits still",
        waiting >= 0,
        " + ".join([f"{count:,} {outcome}" for outcome, count in sorted(story.parked.items())] + [f"{waiting:,} still waiting"]),
    )
    yield Check(
        "every refused record lies in dead-letters",
        story.outcomes[DEAD_LETTER] + story.parked[DEAD_LETTER] == story.dead_letters.total(),
        f"{story.dead_letters.total():,} dead letters",
    )
    yield Check(
        "each for the reason that the feed expects",
        sent.reasons == story.dead_letters,
        _compared(sent.reasons, story.dead_letters) or f"{len(sent.reasons)} reasons",
    )
    yield Check(
        "every entry's balance is the one before it and its own points",
        not story.violations,
        story.violations[0] if story.violations else f"{story.entries.total():,} entries, numbered without a gap",
    )
    yield _invariant(story)
    yield _balances_agree(story)


def _compared(expected: Counter[str], seen: Counter[str]) -> str:
    wrong = [name for name in sorted(expected.keys() | seen.keys()) if expected[name] != seen[name]]
    return ", ".join(f"{name}: {seen[name]:,} for {expected[name]:,}" for name in wrong)


def _invariant(story: Story) -> Check:
    total = story.totals
    parts = " + ".join(f"{total[term]:,} {term.replace('_', ' ')}" for term in TERMS if total[term])
    return Check(
        "issued points are all somewhere, in every ledger",
        total["lifetime"] == sum(total[term] for term in TERMS),
        f"{total['lifetime']:,} = {parts}",
    )


def _balances_agree(story: Story) -> Check:
    """The read model (`balances`) and the ledger (`ledger-entries`) are different topics and must say the same."""
    wrong = [
        ledger
        for ledger, last in story.last.items()
        if ledger not in story.balances
        or any(getattr(story.balances[ledger], term) != getattr(last, term) for term in (*TERMS, "lifetime"))
    ]
    return Check(
        "`balances` says what `ledger-entries` says",
        not wrong,
        f"{len(story.balances):,} balances" if not wrong else f"{len(wrong):,} differ, such as {wrong[0][1]}",
    )
