"""What a check file means, sentence by sentence (CONTRACT section 5): each case is a small file and what must become of it."""

from pathlib import Path

import pytest

from streams.check.run import FileResult, check_file

PROGRAM = """
program: shop
timezone: UTC
environment: sandbox
effective_from: 2000-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{sid: pts, expiration: 5 days}]
tiers: {definitions: [{name: Silver, threshold: "15"}, {name: Gold, threshold: "40"}]}
earning: [{rule: base, rate: {points: "1", per: "1.00"}}]
"""

HEAD = """
program: shop.yaml
defaults:
  purchase: {application: pos, profile_id: p1, currency: EUR, closed_at: "2024-01-01T12:00:00Z",
             lines: [{sku: A, quantity: 1, unit_price: "10.00"}]}
tests:
"""


def run(tmp_path: Path, text: str, head: str = HEAD) -> FileResult:
    (tmp_path / "shop.yaml").write_text(PROGRAM, encoding="utf-8")
    file = tmp_path / "tests.yaml"
    file.write_text(head + text, encoding="utf-8")
    return check_file(file, "tests.yaml")


def steps(*lines: str, overlay: str = "") -> str:
    """One test of these steps."""
    laid = f"    with: {overlay}\n" if overlay else ""
    return f"  - name: t\n{laid}    steps:\n" + "".join(f"      - {line}\n" for line in lines)


BUY = "purchase: {receipt_id: R1}"
JOINED_AND_10 = '[{type: membership.joined}, {type: points.accrued, points: "10"}]'

PASSES = {
    "events is the whole list, in order": [BUY, f"expect: {{events: {JOINED_AND_10}}}"],
    "events may contain, in this order, among others": [BUY, "expect: {events: {contain: [{type: points.accrued}]}}"],
    "contain of nothing is always so": [BUY, "expect: {events: {contain: []}}"],
    "only the keys that are named are compared": [BUY, "expect: {events: [{program: shop}, {point: pts}]}"],
    "every expect starts the lists anew": [BUY, "expect: {}", "expect: {events: []}"],
    "an expect without lists starts them anew, too": [BUY, 'expect: {balance: {active: "10"}}', "expect: {events: []}"],
    "null matches null and absent": [BUY, "expect: {events: [{promotion: null, point: null}, {scenario: ~}]}"],
    "a mapping compares the keys it names at every depth": [
        BUY,
        'expect: {events: {contain: [{cause: {receipt_id: R1}, balance: {active: "10"}}]}}',
    ],
    "a list inside compares whole, in order": [
        BUY,
        'expect: {events: {contain: [{rules: [{rule: base, points: "10"}], lots: [{points: "10"}]}]}}',
    ],
    "numbers may be written bare": [BUY, "expect: {events: {contain: [{points: 10, sequence: 2}]}, balance: {active: 10}}"],
    "an amount is equal if it is the same number": [BUY, 'expect: {balance: {active: "10.0", lifetime: "10.000"}}'],
    "a time is equal if it is the same instant": [BUY, 'expect: {lots: [{expires_at: "2024-01-06T13:00:00+01:00"}]}'],
    "a time may be written without quotes": [BUY, "expect: {lots: [{expires_at: 2024-01-06T12:00:00Z}]}"],
    "a profile never seen has zeros and no tier": [
        BUY,
        'expect: {balance: {profile_id: p9, active: "0", debt: "0", lifetime: "0"}, tier: {profile_id: p9, name: null}}',
    ],
    "no lots: no open lot of any profile of the test": ["expect: {lots: []}"],
    "no lots once all have expired": [BUY, "clock: 2024-01-06T12:00:00Z", "expect: {lots: []}"],
    "the only profile of a test need not be named": [BUY, 'expect: {balance: {active: "10"}, tier: {name: null}}'],
    "a tier has its figures": [
        BUY,
        'expect: {tier: {profile_id: p1, name: null, qualifying_points: "10", points_to_next: "5", points_to_keep: null}}',
        "purchase: {receipt_id: R2}",
        'expect: {tier: {profile_id: p1, name: Silver, qualifying_points: "20", points_to_next: "20", points_to_keep: "0"}}',
    ],
    "a clock fires what is due up to and at it": [
        BUY,
        "clock: 2024-01-06T11:59:59Z",
        'expect: {balance: {active: "10"}}',
        "clock: 2024-01-06T12:00:00Z",
        'expect: {events: [{type: points.expired}], balance: {active: "0", expired: "10"}}',
    ],
    "a clock may be quoted": [BUY, 'clock: "2024-01-06T12:00:00Z"', 'expect: {balance: {active: "0"}}'],
    "repeat delivers the record before again, without effect": [BUY, "expect: {}", "repeat", "expect: {events: []}"],
    "repeat so many times": [BUY, "{repeat: 3}", f"expect: {{events: {JOINED_AND_10}}}"],
    "repeat reaches over a clock and an expect": [
        BUY,
        "clock: 2024-01-02T00:00:00Z",
        "expect: {}",
        "repeat",
        "expect: {events: []}",
    ],
    "restart keeps everything": [
        BUY,
        "expect: {}",
        "restart",
        "repeat",
        'expect: {events: [], balance: {active: "10"}, lots: [{remaining: "10"}]}',
        "clock: 2024-01-06T12:00:00Z",
        "expect: {events: [{type: points.expired}]}",
    ],
    "restart keeps what no expect has seen yet": [BUY, "restart", f"expect: {{events: {JOINED_AND_10}}}"],
    "a dead letter that is named is no failure": [
        "purchase: {receipt_id: R1, currency: USD}",
        "expect: {dead_letters: [{reason: wrong-currency}], events: []}",
    ],
    "dead letters may contain": [
        "purchase: {receipt_id: R1, currency: USD}",
        "purchase: {receipt_id: R2, application: kiosk}",
        "expect: {dead_letters: {contain: [{reason: unknown-application}]}}",
    ],
    "a dead letter has the key that a feed would set": [
        "purchase: {receipt_id: R1, currency: USD}",
        "expect: {dead_letters: [{key: p1, topic: purchases}]}",
    ],
    "a plain number is a JSON number": [
        "purchase: {receipt_id: 7}",
        "expect: {dead_letters: [{reason: invalid-field, field: receipt_id}]}",
    ],
    "a quoted number is text": ['purchase: {receipt_id: "7"}', 'expect: {lots: [{receipt_id: "7"}]}'],
    "a number keeps its spelling: 1e1 is no decimal": [
        "purchase: {receipt_id: R1, lines: [{sku: A, quantity: 1e1, unit_price: 1}]}",
        "expect: {dead_letters: [{reason: invalid-field}]}",
    ],
    "a number is never a float": [
        "purchase: {receipt_id: R1, lines: [{sku: A, quantity: 3, unit_price: 0.333333333}]}",
        'expect: {events: [], balance: {active: "0"}}',
    ],
    "a plain true is a truth": ["purchase: {receipt_id: true}", "expect: {dead_letters: [{reason: invalid-field}]}"],
    "words of YAML 1.1 are text": ["purchase: {receipt_id: no, store: on}", 'expect: {lots: [{receipt_id: "no"}]}'],
    "a null hides a default": ["purchase: {receipt_id: R1, profile_id: null}", "expect: {events: [], dead_letters: []}"],
    "defaults are laid under every record, whatever its kind": [
        BUY,
        "purchase: {kind: cancel, receipt_id: R1}",
        "expect: {dead_letters: []}",
    ],
    "a record of before is applied at its own time": [
        "purchase: {receipt_id: R2, closed_at: 2024-01-03T12:00:00Z}",
        BUY,
        "expect: {lots: [{receipt_id: R1}, {receipt_id: R2}]}",
    ],
    "recorded_at is where the clock stood": [
        "clock: 2024-01-05T00:00:00Z",
        BUY,
        "expect: {events: {contain: [{type: points.accrued, occurred_at: 2024-01-01T12:00:00Z, recorded_at: 2024-01-05T00:00:00Z}]}}",
    ],
    "the greatest event time is the clock, so nothing comes from the future": [
        "purchase: {receipt_id: R1, closed_at: 2034-01-01T12:00:00Z}",
        'expect: {balance: {active: "10"}}',
    ],
    "what lies too far behind the clock is too late": [
        "purchase: {receipt_id: R1, closed_at: 2034-01-01T12:00:00Z}",
        "purchase: {receipt_id: R2}",
        "expect: {dead_letters: [{reason: too-late}]}",
    ],
    "an empty test passes": ["expect:"],
}

FAILS = {
    "one event too few": ([BUY, "expect: {events: [{type: membership.joined}]}"], "+ {type: points.accrued"),
    "one event too many": ([BUY, f"expect: {{events: {JOINED_AND_10[:-1]}, {{type: tier.joined}}]}}"], "- {type: tier.joined}"),
    "events in another order": (
        [BUY, "expect: {events: [{type: points.accrued}, {type: membership.joined}]}"],
        "expected 2, got 2",
    ),
    "contain in another order": (
        [BUY, "expect: {events: {contain: [{type: points.accrued}, {type: membership.joined}]}}"],
        "nothing behind what the others matched is like",
    ),
    "contain of what is not there": ([BUY, "expect: {events: {contain: [{type: tier.joined}]}}"], "nothing is like"),
    "contain takes each event once": (
        [BUY, "expect: {events: {contain: [{type: points.accrued}, {type: points.accrued}]}}"],
        "nothing behind",
    ),
    "another figure": ([BUY, 'expect: {balance: {active: "11"}}'], 'active: expected "11", got "10"'),
    "a figure at depth": (
        [BUY, 'expect: {events: {contain: [{balance: {active: "11"}}]}}'],
        'balance.active: expected "11", got "10"',
    ),
    "a list inside that is longer": ([BUY, "expect: {events: {contain: [{rules: [{rule: base}, {rule: x}]}]}}"], "rules"),
    "null where there is something": (
        [BUY, "expect: {events: {contain: [{type: points.accrued, points: null}]}}"],
        "expected nothing",
    ),
    "something where there is null": ([BUY, "expect: {tier: {name: Silver}}"], "name: expected Silver, got nothing"),
    "lots are the whole list": (
        [BUY, "purchase: {receipt_id: R2}", "expect: {lots: [{receipt_id: R1}]}"],
        "lots of p1: expected 1, got 2",
    ),
    "no lots while there is one": ([BUY, "expect: {lots: []}"], "lots of any profile: expected 0, got 1"),
    "no lots while another profile has one": (
        [BUY, "purchase: {receipt_id: R2, profile_id: p2}", "clock: 2024-01-02T00:00:00Z", "expect: {lots: []}"],
        "expected 0, got 2",
    ),
    "a dead letter that the expect does not name": (
        ["purchase: {receipt_id: R1, currency: USD}", "expect: {events: []}"],
        "a dead letter that no expect names",
    ),
    "a dead letter after the last expect": (["expect: {}", "purchase: {receipt_id: R1, currency: USD}"], "wrong-currency"),
    "a dead letter and no expect at all": (["purchase: {receipt_id: R1, currency: USD}"], "wrong-currency"),
    "a dead letter where none is expected": (
        ["purchase: {receipt_id: R1, currency: USD}", "expect: {dead_letters: []}"],
        "dead_letters: expected 0, got 1",
    ),
    "a program that is not there": ([BUY, 'expect: {balance: {program: other, active: "0"}}'], "there is no program 'other'"),
    "a point type that is not there": ([BUY, 'expect: {balance: {point: miles, active: "0"}}'], "has no point type 'miles'"),
    "the line of the expectation is named": ([BUY, "expect: {events: []}"], "line 10:"),
    "a program refused by what is laid over it": ([BUY], "the program is refused"),
}


@pytest.mark.parametrize("lines", PASSES.values(), ids=PASSES.keys())
def test_what_holds(tmp_path: Path, lines: list[str]) -> None:
    found = run(tmp_path, steps(*lines))
    assert found.faults == []
    assert [(result.passed, result.message) for result in found.results] == [(True, "")]


@pytest.mark.parametrize(("lines", "said"), FAILS.values(), ids=FAILS.keys())
def test_what_does_not_hold_and_what_is_said(tmp_path: Path, lines: list[str], said: str, request: pytest.FixtureRequest) -> None:
    overlay = "{points.0.scale: 99}" if "refused" in request.node.callspec.id else ""
    found = run(tmp_path, steps(*lines, overlay=overlay))
    assert found.faults == []
    assert [result.passed for result in found.results] == [False]
    assert said in found.results[0].message


REFUSED = {
    "the fault that is named": ("{points.0.scale: 99}", "[{path: points.0.scale}]", True),
    "this fault among others": ("{points.0.scale: 99, timezone: Mars/Base}", "[{path: timezone}]", True),
    "several of them": ("{points.0.scale: 99, timezone: Mars/Base}", "[{path: timezone}, {path: points.0.scale}]", True),
    "any fault": ("{points.0.scale: 99}", "[]", True),
    "a part of the reason": ("{points.0.scale: 99}", "[{path: points.0.scale, reason: 0 to 7}]", True),
    "another reason": ("{points.0.scale: 99}", "[{path: points.0.scale, reason: a zebra}]", False),
    "another path": ("{points.0.scale: 99}", "[{path: points.0.sid}]", False),
    "a program that is right": ("{points.0.scale: 2}", "[{path: points.0.scale}]", False),
}


@pytest.mark.parametrize(("overlay", "refused", "passes"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_stands_in_place_of_steps(tmp_path: Path, overlay: str, refused: str, passes: bool) -> None:
    found = run(tmp_path, f"  - {{name: t, with: {overlay}, refused: {refused}}}\n")
    assert found.faults == []
    assert found.results[0].passed is passes


def test_a_later_path_reaches_into_what_an_earlier_one_put_and_no_alias_leaks(tmp_path: Path) -> None:
    overlay = (
        '{earning: [&rule {rule: a, rate: &rate {points: "1", per: "1.00"}}, {rule: b, rate: *rate}], earning.0.rate.points: "3"}'
    )
    found = run(
        tmp_path,
        steps(BUY, 'expect: {events: {contain: [{rules: [{rule: a, points: "30"}, {rule: b, points: "10"}]}]}}', overlay=overlay)
        + "  - {name: u, steps: [{purchase: {receipt_id: R1}}, {expect: {balance: {active: 10}}}]}\n",
    )
    assert [result.message for result in found.results] == ["", ""]


def test_a_record_that_is_an_alias_is_the_record_again_and_not_the_same_one(tmp_path: Path) -> None:
    text = """
  - name: t
    steps:
      - purchase: &first {receipt_id: R1, lines: &lines [{sku: A, quantity: 1, unit_price: "10.00"}]}
      - purchase: {receipt_id: R2, lines: *lines}
      - purchase: *first
      - purchase: {<<: *first, receipt_id: R3}
      - expect: {balance: {active: "30"}}
"""
    assert [result.message for result in run(tmp_path, text).results] == [""]


def test_every_test_has_a_world_of_its_own(tmp_path: Path) -> None:
    found = run(tmp_path, steps(BUY) + steps(BUY, f"expect: {{events: {JOINED_AND_10}}}"))
    assert [result.passed for result in found.results] == [True, True]


def test_a_test_fails_at_its_first_expectation_that_does_not_hold(tmp_path: Path) -> None:
    found = run(tmp_path, steps(BUY, 'expect: {balance: {active: "11"}}', 'expect: {balance: {active: "12"}}'))
    assert "11" in found.results[0].message
    assert "12" not in found.results[0].message


def test_several_versions_are_a_list(tmp_path: Path) -> None:
    later = PROGRAM.replace("2000-01-01", "2024-01-02").replace('points: "1", per', 'points: "2", per')
    (tmp_path / "later.yaml").write_text(later, encoding="utf-8")
    head = HEAD.replace("program: shop.yaml", "program: [shop.yaml, later.yaml]")
    again = "purchase: {receipt_id: R2, closed_at: 2024-01-02T00:00:00Z}"
    found = run(tmp_path, steps(BUY, again, "expect: {lots: [{remaining: 10}, {remaining: 20}]}"), head)
    assert [result.message for result in found.results] == [""]


def test_a_program_may_stand_in_place(tmp_path: Path) -> None:
    body = "\n".join(f"  {line}" for line in PROGRAM.strip().splitlines())
    head = HEAD.replace("program: shop.yaml", f"program:\n{body}")
    assert [result.message for result in run(tmp_path, steps(BUY, "expect: {balance: {active: 10}}"), head).results] == [""]


def test_the_faults_of_a_program_in_place_name_the_lines_of_the_check_file(tmp_path: Path) -> None:
    body = "\n".join(f"  {line}" for line in PROGRAM.replace("currency: EUR", "currency: Taler").strip().splitlines())
    found = run(tmp_path, steps(BUY), HEAD.replace("program: shop.yaml", f"program:\n{body}"))
    assert [(fault.file, fault.line, fault.path) for fault in found.faults] == [("tests.yaml", 8, "currency")]


def test_a_program_file_that_is_wrong_as_it_stands_makes_the_file_wrong(tmp_path: Path) -> None:
    head = HEAD.replace("program: shop.yaml", "program: broken.yaml")
    (tmp_path / "broken.yaml").write_text(PROGRAM.replace("UTC", "Mars/Base"), encoding="utf-8")
    found = run(tmp_path, steps(BUY), head)
    assert [fault.path for fault in found.faults] == ["timezone"]
    assert found.results == []
    mended = run(tmp_path, steps(BUY, "expect: {}", overlay="{timezone: UTC}"), head)
    assert (mended.faults, [result.passed for result in mended.results]) == ([], [True])


def test_lots_of_one_point_type_are_a_list_of_their_own(tmp_path: Path) -> None:
    overlay = (
        "{points: [{sid: pts}, {sid: miles}], earning: "
        '[{rule: a, rate: {points: "1", per: "1.00"}}, {rule: b, point: miles, rate: {points: "2", per: "1.00"}}]}'
    )
    both = "expect: {lots: [{point: pts, remaining: 10}, {point: miles, remaining: 20}]}"
    found = run(tmp_path, steps(BUY, both, "expect: {lots: [{point: miles, remaining: 20}]}", overlay=overlay))
    assert [result.message for result in found.results] == [""]


def test_lots_are_in_spending_order_and_pending_ones_last_by_activation(tmp_path: Path) -> None:
    overlay = "{points.0.activation: 1 day, points.0.expiration: never}"
    found = run(
        tmp_path,
        steps(
            "purchase: {receipt_id: R3, closed_at: 2024-01-03T00:00:00Z}",
            "purchase: {receipt_id: R2, closed_at: 2024-01-02T12:00:00Z}",
            "purchase: {receipt_id: R1}",
            "expect: {lots: [{receipt_id: R1, state: active}, {receipt_id: R2, state: pending}, {receipt_id: R3, state: pending}]}",
            overlay=overlay,
        ),
    )
    assert [result.message for result in found.results] == [""]


def test_a_difference_can_be_read(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        steps(BUY, 'expect: {events: [{type: membership.joined}, {type: points.accrued, points: "11"}, {type: tier.joined}]}'),
    )
    assert found.results[0].message.splitlines() == [
        "line 10:",
        "events: expected 3, got 2",
        "  = {type: membership.joined, profile_id: p1}",
        '  ~ {type: points.accrued, profile_id: p1, point: pts, points: "10"}',
        '      points: expected "11", got "10"',
        "  - {type: tier.joined}",
    ]
