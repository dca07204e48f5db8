"""A recorded run, replayed from its file over RocksDB, is the run: the same bytes, whatever the sizes of blocks and flushes."""

import json
import tempfile
from datetime import datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.document import read_document
from schemas.outcomes import Refused
from schemas.program_file import build_catalog
from streams.replay.run import ReplaySettings, replay
from tests.properties.harness import Json, Product, Step, Told
from tests.properties.streams import busy_streams, programs

TOPICS = ("ledger-entries", "tier-changes")


class NobodyWatches:
    def advanced(self, count: int) -> None:
        pass

    def broken(self, file: str, line: int, refused: Refused) -> None:
        raise AssertionError((file, line, refused))

    def closing(self) -> None:
        pass


def recorded(steps: list[Step]) -> str:
    lines = [
        {"tick": step.isoformat()} if isinstance(step, datetime) else {"topic": "purchases", "value": step} for step in steps
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def replayed(program: Json, steps: list[Step], folder: Path, flush_records: int, chunk_bytes: int) -> dict[str, list[Json]]:
    (folder / "run.jsonl").write_text(recorded(steps), encoding="utf-8")
    catalog = build_catalog([read_document(json.dumps(program), "program.json")])
    sizes = ReplaySettings(
        inputs=(str(folder / "run.jsonl"),),
        output=folder / "out",
        memory_bytes=64 * 1024 * 1024,
        flush_records=flush_records,
        chunk_bytes=chunk_bytes,
    )
    replay(catalog, sizes, NobodyWatches())
    texts = {name: (folder / "out" / f"{name}.jsonl").read_text(encoding="utf-8") for name in (*TOPICS, "balances")}
    return {name: [json.loads(line) for line in text.splitlines()] for name, text in texts.items()}


@given(programs(), busy_streams(), st.sampled_from((1, 2, 5_000)), st.sampled_from((64, 1_000_000)))
@settings(max_examples=60)
def test_a_recorded_run_replayed_is_the_run(program: Json, steps: list[Step], flush_records: int, chunk_bytes: int) -> None:
    product = Product(program)
    told: list[Told] = product.run(steps)
    with tempfile.TemporaryDirectory() as folder:
        again = replayed(program, steps, Path(folder), flush_records, chunk_bytes)
    for topic in TOPICS:
        assert again[topic] == [record for step in told for name, record in step.sent if name == topic]
    assert again["balances"] == product.balances()
