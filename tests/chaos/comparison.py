"""Afterwards: what must be true of the output, whatever was done to the workers. A check is a function; its name is the claim.

What the output has to be is said by the replay of the exported run, and what the run had to apply by the feed and by `cycles`; nothing here
knows the rules.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

import msgspec

from agents.balances import profile_balances
from agents.core import Core
from schemas.events import encode
from schemas.program_file import load_catalog
from schemas.topics import BALANCES, CYCLES, DEAD_LETTERS, INPUTS, LEDGER_ENTRIES, OUTPUTS, REDEMPTION_DECISIONS, SEGMENT_CHANGES
from streams import preview
from streams.states import in_directory, opened, position_of
from streams.worker.position import POSITION_KEY, Records, decode_cycle, folder_of
from tables.rocks import RocksStore
from tables.table import Table
from tests.chaos.evidence import Evidence, Wrong, pointstream
from tests.chaos.programs import AWARDED_BY_TIME

_SAID: Final = tuple(topic for topic in OUTPUTS if topic != BALANCES)
_SHOWN_MAX: Final = 3
_TELLING_RECORDS: Final = 15_000  # so many say something of everything
_NEVER: Final = 1 << 62


class _Id(msgspec.Struct):
    id: str


class _Said(msgspec.Struct):
    """Of an entry or a change of segments, what is asked for here."""

    type: str
    program: str
    profile_id: str
    occurred_at: str
    segment: str = ""
    scenario: str = ""


_decode_said: Final = msgspec.json.Decoder(_Said).decode


def each_record_was_applied_once_and_in_order(found: Evidence) -> str:
    """By `cycles`: every partition's ranges of offsets follow each other from 0 to the end, and the feed has sent as many."""
    applied: Counter[str] = Counter()
    following: dict[tuple[str, int], int] = defaultdict(int)
    for message in found.values(CYCLES):
        number = message.partition()
        for step in decode_cycle(message.value()).steps:
            if not isinstance(step, Records) or step.topic not in INPUTS:
                continue
            if step.start != following[step.topic, number]:
                wanted = following[step.topic, number]
                raise Wrong(f"{step.topic} partition {number}: {wanted} was to come, and {step.start} was applied")
            following[step.topic, number] = step.end
            applied[step.topic] += step.end - step.start
    if applied != found.sent:
        raise Wrong(f"sent {dict(found.sent)}, applied {dict(applied)}")
    return f"{applied.total():,} records"


def each_id_is_there_exactly_once(found: Evidence) -> str:
    """A request that the feed has sent twice is answered twice, word for word: docs/records.md. Dead letters have no ids."""
    decode = msgspec.json.Decoder(_Id).decode
    counts = []
    for topic in _SAID:
        if topic == DEAD_LETTERS:
            continue
        seen: dict[bytes, int] = {}
        twice: list[str] = []
        answered = 0
        for message in found.values(topic):
            value = message.value()
            said = decode(value).id
            name, content = bytes.fromhex(said), hash(value)
            if name not in seen:
                seen[name] = content
            elif topic == REDEMPTION_DECISIONS and seen[name] == content:
                answered += 1
            else:
                twice.append(said)
        if twice:
            raise Wrong(f"{topic}: {len(twice)} ids more than once, such as {twice[:_SHOWN_MAX]}")
        counts.append(f"{topic} {len(seen):,}" + (f" (and {answered} answers to requests that came again)" if answered else ""))
    return ", ".join(counts)


def the_exported_run_holds_what_was_sent(found: Evidence) -> str:
    told = pointstream("export", "--broker", f"kafka://{found.servers}", "--output", found.run)
    records = sum(partition["records"] for partition in told["partitions"])
    if records != found.sent.total():
        raise Wrong(f"sent {found.sent.total():,}, exported {records:,}")
    messages = sum(partition["messages"] for partition in told["partitions"])
    cycles = sum(partition["cycles"] for partition in told["partitions"])
    return f"{records:,} records and {messages:,} messages between keys in {cycles:,} cycles"


def its_replay_repeats_every_cycle(found: Evidence) -> str:
    told = pointstream(
        "replay", "--program", found.programs, "--input", found.run, "--output", found.output, "--state", found.again
    )
    different = {partition["partition"]: partition["different"][:_SHOWN_MAX] for partition in told["partitions"]}
    if any(different.values()):
        raise Wrong(f"cycles came out otherwise: {different}")
    return f"{told['profiles']:,} profiles, outcomes {told['outcomes']}"


def the_output_equals_the_replay_record_for_record(found: Evidence) -> str:
    count = 0
    for topic in _SAID:
        with (found.output / f"{topic}.jsonl").open("rb") as file:
            for message in found.values(topic):
                expected = file.readline().rstrip(b"\n")
                if message.value() != expected:
                    place = f"{topic} partition {message.partition()} offset {message.offset()}"
                    raise Wrong(f"{place}: {message.value()[:300]!r}, and by the replay {expected[:300]!r}")
                count += 1
            if rest := file.readline():
                raise Wrong(f"{topic}: the replay says more: {rest[:300]!r}")
    return f"{count:,} records, byte for byte"


def every_profile_has_the_balance_of_the_replay(found: Evidence) -> str:
    core = Core(load_catalog([found.programs]), found.partitions)
    told = {message.key(): message.value() for message in found.values(BALANCES)}
    told.pop(POSITION_KEY, None)
    count = 0
    for number in range(found.partitions):
        table = Table(RocksStore(folder_of(found.again, number, found.partitions)))
        try:
            for profile_id, profile in table.profiles():
                said = told.pop(profile_id.encode(), None)
                if said != encode(profile_balances(core.programs, profile_id, profile)):
                    raise Wrong(f"{profile_id}: {said!r}")
                count += 1
        finally:
            table.close()
    if told:
        raise Wrong(f"balances are told that the replay has not: {sorted(told)[:_SHOWN_MAX]}")
    return f"{count:,} profiles"


def dead_letters_agree_by_topic_key_and_reason(found: Evidence) -> str:
    """With the replay; and where the feed has spoiled a record, with the feed."""
    told = Counter(_letter(message.value()) for message in found.values(DEAD_LETTERS))
    with (found.output / f"{DEAD_LETTERS}.jsonl").open("rb") as file:
        replayed = Counter(_letter(line) for line in file)
    if told != replayed:
        raise Wrong(f"{_few(told - replayed)} are told, {_few(replayed - told)} are missing")
    reasons = {reason for _, _, reason in found.spoiled}
    ours = Counter({letter: count for letter, count in told.items() if letter[2] in reasons})
    if ours != found.spoiled:
        raise Wrong(f"of the spoiled records {_few(found.spoiled - ours)} are missing, {_few(ours - found.spoiled)} too many")
    by_reason = Counter[str]()
    for (_, _, reason), count in told.items():
        by_reason[reason] += count
    return f"{told.total():,}: {dict(by_reason.most_common())}"


def _letter(value: bytes) -> tuple[str, str, str]:
    said = msgspec.json.decode(value)
    return said["topic"], said.get("key"), said["reason"]


def _few(letters: Counter[tuple[str, str, str]]) -> str:
    return f"{letters.total():,} {list(letters)[:_SHOWN_MAX]}"


def the_auditor_is_content(found: Evidence) -> str:
    told = pointstream("audit", "--broker", f"kafka://{found.servers}")
    if told["violations"] or told["repeated"]:
        raise Wrong(str(told))
    return f"{told['entries']:,} entries of {LEDGER_ENTRIES}"


def states_of_workers_changelog_and_replay_are_the_same(found: Evidence) -> str:
    states = [part for state in [*found.states, found.again] if state.exists() for part in ("--state", state)]
    told = pointstream("state-hash", *states, "--broker", f"kafka://{found.servers}")
    again, changelog = ({row["partition"]: row for row in one["partitions"]} for one in told[-2:])
    if again != changelog or len(again) != found.partitions:
        raise Wrong("the rebuild from the changelog is not the replay's state")
    newest = sum(row["cycle"] == changelog[row["partition"]]["cycle"] for one in told[:-2] for row in one["partitions"])
    return f"{sum(row['states'] for row in changelog.values()):,} states; {newest} partitions of workers' own are at the end"


def dates_and_segments_have_set_scenarios_off(found: Evidence) -> str:
    """A run that says less proves less; one of few records may."""
    told: Counter[str] = Counter()
    with (found.output / f"{LEDGER_ENTRIES}.jsonl").open("rb") as file:
        for line in file:
            told[_decode_said(line).scenario] += 1
    with (found.output / f"{SEGMENT_CHANGES}.jsonl").open("rb") as file:
        for line in file:
            said = _decode_said(line)
            told[f"{said.segment} {said.type.removeprefix('segment.')}"] += 1
    asked = load_catalog([found.programs]).programs
    campaigns = [version.campaigns for versions in asked.values() for version in versions]
    wanted = {f"{segment} {way}" for one in campaigns for segment in one.segments for way in ("entered", "left")} | {
        *AWARDED_BY_TIME
    }
    if (missing := sorted(wanted - told.keys())) and found.sent.total() >= _TELLING_RECORDS:
        raise Wrong(f"nothing of {missing}")
    return ", ".join(f"{name} {told[name]:,}" for name in sorted(wanted))


def in_a_segment_is_who_entered_and_has_not_left(found: Evidence) -> str:
    """By `segment-changes`, and by the preview, which judges a profile by its state alone. Whoever waits for a tick is judged by neither."""
    inside: dict[tuple[str, str], dict[str, str | None]] = defaultdict(dict)
    for message in found.values(SEGMENT_CHANGES):
        said = _decode_said(message.value())
        place = inside[said.program, said.segment]
        if (said.profile_id in place) is (said.type == "segment.entered"):
            raise Wrong(f"{said.type} of {said.segment} at {said.profile_id}, which was so already")
        if said.type == "segment.entered":
            place[said.profile_id] = said.occurred_at
        else:
            del place[said.profile_id]
    previews = preview.wanted(load_catalog([found.programs]), None, None)
    waiting: set[str] = set()
    judged: dict[tuple[str, str], dict[str, str | None]] = defaultdict(dict)
    for _, path in in_directory(found.again):
        with opened(path) as store:
            position = position_of(store)
            reached = (
                preview.settled_at(store, position) or 0
            )  # what it judges by; a partition that is always behind has had no tick
            waiting.update(name for name, profile in Table(store).profiles() if (profile.due_at or _NEVER) <= reached)
            for one in previews:
                for name, member in preview.members(store, one, position, lambda _looked, _total: None):
                    judged[one.program, name][member.profile_id] = member.since
    for segment in sorted(inside.keys() | judged.keys()):
        said_so, holds = ({who: since for who, since in of[segment].items() if who not in waiting} for of in (inside, judged))
        if said_so != holds:
            raise Wrong(f"{segment}: {sorted(said_so.items() ^ holds.items(), key=str)[:_SHOWN_MAX]}")
    return f"{sum(map(len, judged.values())):,} members of {len(inside)} segments; {len(waiting)} profiles wait for a tick"


CHECKS: Final[tuple[Callable[[Evidence], str], ...]] = (
    each_record_was_applied_once_and_in_order,
    each_id_is_there_exactly_once,
    the_exported_run_holds_what_was_sent,
    its_replay_repeats_every_cycle,
    the_output_equals_the_replay_record_for_record,
    every_profile_has_the_balance_of_the_replay,
    dead_letters_agree_by_topic_key_and_reason,
    dates_and_segments_have_set_scenarios_off,
    in_a_segment_is_who_entered_and_has_not_left,
    the_auditor_is_content,
    states_of_workers_changelog_and_replay_are_the_same,
)
