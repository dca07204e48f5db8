"""What is asked of a run of chaos: its seed, its sizes, and how often each fault strikes. Values only."""

import argparse
from dataclasses import dataclass, fields
from typing import Final, Self

_HELP: Final = {
    "seed": "everything comes from it",
    "records": "how many records the feed sends",
    "profiles": "over how many profiles",
    "partitions": "of each topic",
    "workers": "processes of `pointstream worker`",
    "kills": "times kill -9",
    "freezes": "times SIGSTOP beyond the session timeout, then SIGCONT",
    "losses": "times a stopped worker's state directory is deleted",
    "broker_restarts": "times the broker is restarted",
    "ahead": "so many records at most are sent and not applied",
    "seconds": "the run is given up after so many (0: 300, and one for every 200 records)",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    seed: int
    records: int = 500_000
    profiles: int = 50_000
    partitions: int = 8
    workers: int = 3
    kills: int = 10
    freezes: int = 3
    losses: int = 2
    broker_restarts: int = 1
    ahead: int = 20_000
    seconds: int = 0

    @property
    def most_seconds(self) -> float:
        return self.seconds or 300 + self.records / 200

    @classmethod
    def parse(cls, arguments: list[str]) -> Self:
        parser = argparse.ArgumentParser(
            prog="python -m tests.chaos", description="A fleet of workers under faults, on a real Kafka."
        )
        for field in fields(cls):
            default = {"required": True} if field.name == "seed" else {"default": field.default}
            told = _HELP[field.name] + ("" if field.name == "seed" else " (default: %(default)s)")
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, metavar="N", help=told, **default)
        return cls(**vars(parser.parse_args(arguments)))
