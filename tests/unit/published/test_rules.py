"""What may be published: a table of cases, each a sentence."""

from typing import Any

import pytest

from streams.errors import WrongFiles
from tests.unit.published.fleet import Fleet, text

TIERS = "{definitions: [{name: A, threshold: '5'}]}"
FIRST, SECOND = text(), text("2024-06-01", "2")
Case = tuple[list[str], str | None, list[str], dict[str, Any], list[str]]

MAY: dict[str, Case] = {
    # what is there, up to when it is settled, what is given, how, and which of the given files are new (by number)
    "the first program of all, whenever it begins": ([], "2024-05-01", [FIRST], {}, ["0.yaml"]),
    "several at once": ([], None, [SECOND, FIRST], {}, ["0.yaml", "1.yaml"]),
    "a version that is to come": ([FIRST], "2024-05-01", [SECOND], {}, ["0.yaml"]),
    "the same text again is there already": ([FIRST, SECOND], "2024-07-01", [SECOND], {}, []),
    "so is the same with other words around it": ([FIRST], "2024-07-01", ["# ours\n" + FIRST], {}, []),
    "a folder of what is there and what is new": ([FIRST], "2024-05-01", [FIRST, SECOND], {}, ["1.yaml"]),
    "another text of what has not begun": ([FIRST, SECOND], "2024-05-01", [text("2024-06-01", "3")], {}, ["0.yaml"]),
    "a late one, where that is meant": ([FIRST], "2024-07-01", [SECOND], {"late": True}, ["0.yaml"]),
    "a late one, where no worker has kept anything": ([FIRST], None, [SECOND], {}, ["0.yaml"]),
    "tiers, where nothing can have been entered": ([SECOND], "2024-05-01", [text("2024-07-01", tiers=TIERS)], {}, ["0.yaml"]),
    "another program that is to come": ([FIRST], "2024-05-01", [text("2024-06-01", program="other")], {}, ["0.yaml"]),
    "what another version might not know, where it is waived": (
        [], None, [text(segments="[{segment: all, where: {member: true}}]")], {"without": ("segments",)}, ["0.yaml"],
    ),
}  # fmt: skip

MUST_NOT: dict[str, tuple[list[str], str | None, list[str], dict[str, Any], list[str]]] = {
    # ..., and what is said of it, one fault a line
    "begins before what is settled": (
        [FIRST], "2024-07-01", [SECOND], {}, ["folder/0.yaml:4: effective_from: must be later than 2024-07-01T00:00:10Z"],
    ),
    "begins at the very instant that is settled": (
        [FIRST], "2024-06-01", [SECOND], {}, ["effective_from: must be later than 2024-06-01T00:00:10Z"],
    ),
    "another program that begins before": (
        [FIRST], "2024-07-01", [text("2024-06-01", program="other")], {}, ["effective_from: must be later"],
    ),
    "another text of what is in force": ([FIRST], "2024-05-01", [text(points="9")], {}, ["effective_from: must be later"]),
    "another text, where a worker is given a folder": (
        [FIRST, SECOND], "2024-05-01", [text("2024-06-01", "3")], {"may_replace": False}, ["published with another text"],
    ),
    "two texts of one version": ([FIRST], "2024-05-01", [SECOND, text("2024-06-01", "3")], {}, ["effective_from: must differ"]),
    "a time zone of its own": (
        [FIRST], "2024-05-01", [text("2024-06-01", timezone="Europe/Paris")], {}, ["timezone: must not differ between versions"],
    ),
    "tiers, once there are entries": (
        [FIRST], "2024-05-01", [text("2024-06-01", tiers=TIERS)], {}, ["0.yaml:10: tiers: must stay as it is published"],
    ),
    "tiers, once there are entries, though it be late": (
        [FIRST], "2024-07-01", [text("2024-06-01", tiers=TIERS)], {"late": True}, ["tiers: must stay as it is published"],
    ),
    "another scale": (
        [FIRST], None, [text("2024-06-01", points="1").replace('scale: "2"', 'scale: "3"')], {}, ["points.0.scale: must stay 2"],
    ),
    "every fault of every file at once": (
        [FIRST], None, [text(currency="EURO"), text("2024-06-01", basis="nett")], {},
        ["folder/0.yaml:9: currency", "folder/1.yaml:10: basis"],
    ),
    "a sandbox on the tills of a live one": (
        [FIRST], None, [text(program="other", environment="sandbox")], {}, ["applications: must not name pos"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MAY)
def test_may_be_published(case: str) -> None:
    there, settled, given, how, new = MAY[case]
    fleet = Fleet(*there)
    fleet.settled = Fleet(settled=settled).settled
    planned = fleet.plan(*given, **how)
    assert [offer.published.file for offer in planned.new] == new
    assert len(planned.new) + len(planned.there) == len(given)
    assert fleet.write(planned) == []
    assert set(fleet.versions.current.values()) >= {offer.key for offer in planned.new}
    seen = [[version.effective_from for version in of.programs["club"]] for of in (fleet.versions.catalog, planned.catalog)]
    assert seen[0] == seen[1], "what is decided is what the workers see"
    assert fleet.plan(*given, **how).new == []


@pytest.mark.parametrize("case", MUST_NOT)
def test_must_not_be_published(case: str) -> None:
    there, settled, given, how, says = MUST_NOT[case]
    fleet = Fleet(*there)
    fleet.settled = Fleet(settled=settled).settled
    with pytest.raises(WrongFiles) as refused:
        fleet.plan(*given, **how)
    assert "nothing was published" in refused.value.message
    assert len(refused.value.lines) >= len(says)
    for sentence in says:
        assert any(sentence in line for line in refused.value.lines), refused.value.lines
