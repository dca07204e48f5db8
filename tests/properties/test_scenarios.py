"""Laws of scenarios: whatever they do, nothing but records, their order and the ticks matters, and every effect is of one cause."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.document import read_document
from schemas.program_file import build_catalog
from streams.replay.run import ReplaySettings, replay
from tests.properties.harness import Json, Product, Step, Told
from tests.properties.test_replay_of_a_run import NobodyWatches

START = datetime(2024, 3, 20, 12, tzinfo=UTC)  # a change of the clocks lies ahead
STARTED = "2024-03-20T12:00:00Z"
END = START + timedelta(days=60)
NUMBERED = ("ledger-entries", "tier-changes", "notifications")
PROMOTIONS = [
    {"promotion": "five", "action": "accrue", "points": "5"},
    {
        "promotion": "brief",
        "action": "accrue",
        "points": {"min": "1", "max": "50"},
        "activation": "1 day",
        "expiration": "3 days",
    },
    {
        "promotion": "scarce",
        "action": "accrue",
        "points": {"min": "1", "max": "9"},
        "budget": {"points": "10", "on_cap": "truncate"},
    },
    {"promotion": "take", "action": "redeem", "points": {"min": "1", "max": "50"}},
]
LEAVES: list[Any] = [
    {"award": {"promotion": "five"}},
    {"award": {"promotion": "five", "once": "welcome"}},
    {"award": {"promotion": "brief", "points": "7"}},
    {"redeem": {"promotion": "take", "points": "3"}},
    {"notify": {"channel": ["push", "sms"], "template": "told"}},
    {"wait": "1 hour"},
    {"wait": "1 day"},
    {"wait": "1 week, end of week"},
    {"wait_until": "10:00"},
    {"wait_until": "profile.when"},
    {"tag": "seen"},
    {"tag": {"remove": ["seen"]}},
    {"control_group": "0.5"},
    "join",
    "stop",
]
CONDITIONS: list[Json] = [
    {"member": "true"},
    {"tags": "seen"},
    {"profile.friend": "true"},
    {"trigger.pixel.attributes.n": {"at_least": "2"}},
    {"gross": {"more_than": "10"}},
    {"segment": "friends"},
]
TRIGGERS: list[Json] = [
    {"pixel": "a"},
    {"pixel": ["a", "b"], "when": {"attributes.n": "2"}},
    {"receipt": {}},
    {"item": "A"},
    {"cancelled": {}},
    {"registration": {}},
    {"profile": ["friend"]},
    {"entry": "points.accrued", "when": {"trigger.entry.scenario": {"exists": "false"}}},
    {"entry": "points.expired", "when": {"trigger.entry.points": {"not": ["1", "5", "7"]}}},
    {"entry": "membership.joined"},
    {"tier": "any"},
    {"milestone": {"point": "pts", "at": ["10", "30"]}},
    {"segment": "friends"},
    {"segment": "spenders"},
    {"date": "profile.when"},
    {"idle": {"since": "purchase", "for": "3 days"}},
    {"abandoned": {"pixel": "a", "without": "purchase", "for": "5 hours"}},
    {"expiring": {"point": "pts", "within": "1 day"}},
    {"every": "1 week"},
]
ASKING: list[Any] = [{"limit": "2"}, {"award": {"promotion": "scarce", "points": "4"}}]
REMINDERS = [
    {"reminder": "soon", "of": "expiry", "point": "pts", "within": "1 day", "at": "09:00", "channel": "sms", "template": "told"},
    {"reminder": "falling", "of": "tier-review", "within": "15 days", "at": "09:00", "channel": "sms", "template": "told"},
]
TIERS: list[Json] = [{}, {"review": {"relative_to": "program-join", "every": "10 days"}, "grace": "3 days"}]


def deeds(asking: bool) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from([*LEAVES, *LEAVES[:7], *LEAVES[:7], *(ASKING * 3 if asking else [])]), min_size=2, max_size=6)


def ways(asking: bool) -> st.SearchStrategy[list[Any]]:
    return st.recursive(
        deeds(asking),
        lambda inner: st.tuples(
            deeds(asking), inner, st.sampled_from(("if", "split", "in_segment")), st.sampled_from(CONDITIONS), inner
        ).map(lambda parts: [*parts[0], nested(*parts[1:]), {"award": {"promotion": "brief", "points": "1"}}]),
        max_leaves=3,
    )


def nested(then: list[Any], kind: str, condition: Json, otherwise: list[Any]) -> Json:
    if kind == "split":
        return {"split": [{"name": "A", "weight": "1", "steps": then}, {"name": "B", "weight": "2", "steps": otherwise}]}
    return {kind: "friends" if kind == "in_segment" else condition, "then": then, "else": otherwise}


@st.composite
def programs(draw: st.DrawFn, *, asking: bool = True) -> Json:
    scenarios = [
        {
            "scenario": f"s{number}",
            "trigger": draw(st.sampled_from([*TRIGGERS, *TRIGGERS[:3], *TRIGGERS[:3], *TRIGGERS[:1]])),
            "reentry": draw(st.sampled_from(("true", "false"))),
            "steps": draw(ways(asking)),
        }
        | draw(st.sampled_from(({}, {}, {"audience": "friends"})))
        for number in range(draw(st.integers(2, 4)))
    ]
    membership = {"join": draw(st.sampled_from(("explicit", "on-points-earned", "on-points-activated")))}
    if draw(st.booleans()):
        membership |= {"consent": "agreed", "before_join": draw(st.sampled_from(("refuse", "park")))}
    expiration = draw(st.sampled_from(("never", "2 days", "10 days, end of day")))
    return {
        "program": "club",
        "timezone": "Europe/Berlin",
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "membership": membership,
        "points": [{"sid": "pts", "returns": "within-balance", "expiration": expiration, "initial_balance": "2"}],
        "tiers": {"definitions": [{"name": "Silver", "threshold": "20"}]} | draw(st.sampled_from(TIERS)),
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        "promotions": PROMOTIONS,
        "segments": [
            {"segment": "friends", "where": {"profile.friend": "true"}},
            {
                "segment": "spenders",
                "where": {"purchases.count": {"within": "5 days"} | draw(st.sampled_from(({}, {"at_least": "2"})))},
            },
        ],
        "reminders": draw(st.sampled_from(([], REMINDERS))),
        "scenarios": scenarios,
        "templates": {"told": "{{ points }} {{ trigger.kind }} {{ balance }}"},
    }


@st.composite
def streams(draw: st.DrawFn, *, late: bool = True) -> list[tuple[str, Any]]:
    """(topic, record), and ("tick", instant)."""
    now = START
    found: list[tuple[str, Any]] = []
    for name in ("p1", "p2")[: draw(st.sampled_from((2, 2, 1)))]:
        found.append(("profiles", {"profile_id": name, "updated_at": STARTED, "fields": {"agreed": True, "when": "2024-03-25"}}))
    for number in range(draw(st.integers(4, 14))):
        now += timedelta(hours=draw(st.sampled_from((0, 1, 7, 24, 60))))
        if draw(st.integers(0, 5)) == 0:
            found.append(("tick", now))
            continue
        happened = max(now - timedelta(hours=draw(st.sampled_from((0, 0, 0, 5, 50) if late else (0,)))), START)
        at = happened.isoformat().replace("+00:00", "Z")
        who = {"profile_id": draw(st.sampled_from(("p1", "p1", "p2")))}
        kind = draw(st.sampled_from(("pixel", "pixel", "sale", "profile", "cancel")))
        if kind == "pixel":
            told = {"n": draw(st.integers(1, 2)), "agreed": draw(st.sampled_from((True, True, True, False)))}
            types = {"event_id": f"E{number}", "type": draw(st.sampled_from("aab")), "application": "pos"}
            found.append(("pixels", who | types | {"occurred_at": at, "attributes": told}))
        elif kind == "sale":
            lines = [{"sku": draw(st.sampled_from("AB")), "quantity": draw(st.sampled_from((3, 12, 25))), "unit_price": "1.00"}]
            head = {"receipt_id": f"R{number}", "application": "pos", "currency": "EUR", "closed_at": at}
            found.append(("purchases", who | head | {"lines": lines}))
        elif kind == "cancel":
            sold = [record for topic, record in found if topic == "purchases" and "lines" in record]
            if sold:
                taken = draw(st.sampled_from(sold))
                names = {name: taken[name] for name in ("receipt_id", "application", "profile_id")}
                found.append(("purchases", names | {"kind": "cancel", "closed_at": at}))
        else:
            fields = draw(
                st.sampled_from(
                    ({"friend": True}, {"friend": False}, {"when": "2024-03-31"}, {"agreed": True}, {"agreed": False})
                )
            )
            registered = draw(st.sampled_from(({}, {"registered_at": at})))
            found.append(("profiles", who | {"updated_at": at, "fields": fields} | registered))
    return found


def run(product: Product, steps: Sequence[tuple[str, Any]], tick_size: int | None = None, restart: bool = False) -> list[Told]:
    told = []
    for topic, what in [*steps, ("tick", END)]:
        if restart:
            product.restart()
        step: Step = what
        told.append(product.step(step, tick_size) if topic == "tick" else product.step(step, topic=topic))
    return told


def said(told: Sequence[Told], without: tuple[str, ...] = ()) -> dict[str, list[Json]]:
    """What was said of each profile, in order."""
    found: dict[str, list[Json]] = {"p1": [], "p2": []}
    for step in told:
        for topic, record in step.sent:
            if topic in NUMBERED:
                found[record["profile_id"]].append({name: value for name, value in record.items() if name not in without})
    return found


@given(programs(), streams())
@settings(max_examples=40)
def test_everything_said_has_its_own_id_and_number_and_notifications_come_after_what_they_speak_of(
    program: Json, steps: list[tuple[str, Any]]
) -> None:
    told = said(run(Product(program), steps))
    ids = Counter(record["id"] for records in told.values() for record in records)
    assert not [name for name, count in ids.items() if count > 1]
    for records in told.values():
        assert [record["sequence"] for record in records] == list(range(1, len(records) + 1))
        for record in records:
            if record.get("depends_on") is not None:
                spoken_of = records[record["depends_on"] - 1]
                assert "entry" in spoken_of or spoken_of["type"].startswith("tier.")
                assert spoken_of["sequence"] < record["sequence"]


@given(programs(), streams())
@settings(max_examples=20)
def test_pieces_of_ticks_restarts_and_a_second_run_change_nothing(program: Json, steps: list[tuple[str, Any]]) -> None:
    plain, pieces, restarted = Product(program), Product(program), Product(program, cache=1)
    told = run(plain, steps)
    assert run(pieces, steps, tick_size=1) == told
    assert run(restarted, steps, restart=True) == told
    assert restarted.balances() == plain.balances()


@given(programs(), streams())
@settings(max_examples=25)
def test_everything_delivered_twice_sets_nothing_off_again(program: Json, steps: list[tuple[str, Any]]) -> None:
    once, twice = Product(program), Product(program)
    doubled = [step for step in steps for _ in range(1 if step[0] == "tick" else 2)]
    assert said(run(twice, doubled)) == said(run(once, steps))
    assert twice.balances() == once.balances()


@given(programs(asking=False), streams(late=False), st.lists(st.integers(0, 24 * 30), max_size=6))
@settings(max_examples=35)
def test_settling_in_one_step_is_settling_in_many(program: Json, steps: list[tuple[str, Any]], hours: list[int]) -> None:
    """Of records in time: what is late meets a time settled so far, and that is data."""
    records = [step for step in steps if step[0] != "tick"]
    times = [(moment_of(step), 0, step) for step in records]
    ticks = [(START + timedelta(hours=hour), 1, ("tick", START + timedelta(hours=hour))) for hour in hours]
    often = [step for _, _, step in sorted([*times, *ticks], key=lambda each: each[:2])]
    one, many = Product(program), Product(program)
    assert said(run(one, records), ("recorded_at",)) == said(run(many, often), ("recorded_at",))
    assert one.balances() == many.balances()


@given(programs(asking=False), streams(late=False), st.lists(st.integers(0, 24 * 60), max_size=20))
@settings(max_examples=35)
def test_a_record_that_says_nothing_changes_nothing(program: Json, steps: list[tuple[str, Any]], hours: list[int]) -> None:
    """So whatever time alone changes had been planned right by then."""
    records = [(moment_of(step), 0, step) for step in steps if step[0] != "tick"]
    moments = [START + timedelta(hours=hour, seconds=1) for hour in hours]
    nothing = [
        (moment, 1, ("profiles", {"profile_id": "p1", "updated_at": moment.isoformat(), "fields": {"timezone": "Europe/Berlin"}}))
        for moment in moments
    ]
    ticks = [(moment, 1, ("tick", moment)) for moment in moments]
    among, alone = Product(program), Product(program)
    told = [run(alone, [step for _, _, step in sorted([*records, *ticks], key=lambda each: each[:2])])]
    told.append(run(among, [step for _, _, step in sorted([*records, *nothing], key=lambda each: each[:2])]))
    one, other = ([sent for step in said_by for sent in step.sent if sent[0] != "dead-letters"] for said_by in told)
    for _, record in (*one, *other):
        del record["recorded_at"]
    for name in ("p1", "p2"):
        assert [sent for sent in one if sent[1]["profile_id"] == name] == [
            sent for sent in other if sent[1]["profile_id"] == name
        ]


def moment_of(step: tuple[str, Any]) -> datetime:
    names = {"pixels": "occurred_at", "purchases": "closed_at", "profiles": "updated_at"}
    return datetime.fromisoformat(step[1][names[step[0]]])


@given(programs(), streams(), st.sampled_from((1, 5_000)))
@settings(max_examples=15)
def test_a_recorded_run_replayed_is_the_run(program: Json, steps: list[tuple[str, Any]], flush_records: int) -> None:
    product = Product(program)
    told = run(product, steps)
    lines = [
        {"tick": what.isoformat()} if topic == "tick" else {"topic": topic, "value": what}
        for topic, what in [*steps, ("tick", END)]
    ]
    catalog = build_catalog([read_document(json.dumps(program), "program.json")])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        sizes = ReplaySettings(
            inputs=(str(folder / "run.jsonl"),), output=folder / "out", memory_bytes=64 * 1024 * 1024, flush_records=flush_records
        )
        replay(catalog, sizes, NobodyWatches())
        for topic in (*NUMBERED, "segment-changes"):
            text = (folder / "out" / f"{topic}.jsonl").read_text(encoding="utf-8")
            assert [json.loads(line) for line in text.splitlines()] == [
                record for step in told for sent_to, record in step.sent if sent_to == topic
            ]
