"""The baseline: the same sales in an idiomatic Faust app, as Faust's documentation would write it.

Typed records with nested lines (`coerce=True`, since money is `Decimal` and times are times), an agent that reads event by
event, a table on RocksDB (rocksdict) with its changelog, and one event a receipt. It keeps a balance and a tier and nothing
else: no lots, no expiry, no duplicates recognised, no exactness under a crash, so it does less than the worker that it is
measured against. Nothing is slowed down on purpose: web server and leader topic are off, and no table is read twice. Run by
`benchmarks.worker`; by hand:

    python -m benchmarks.baseline_faust --broker 127.0.0.1:9092 --partitions 4 --datadir /tmp/baseline
"""

import argparse
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import faust

TIERS = ((5000, "Platinum"), (2000, "Gold"), (500, "Silver"))


class Line(faust.Record, coerce=True, serializer="json"):
    sku: str
    category: str
    quantity: int
    unit_price: Decimal


class Receipt(faust.Record, coerce=True, serializer="json"):
    receipt_id: str
    application: str
    profile_id: str
    closed_at: datetime
    currency: str
    channel: str
    store: str
    lines: list[Line]


class Balance(faust.Record, coerce=True, serializer="json"):
    active: int = 0
    receipts: int = 0
    tier: str = ""


class PointsAccrued(faust.Record, coerce=True, serializer="json"):
    profile_id: str
    receipt_id: str
    occurred_at: datetime
    points: int
    balance: int
    tier: str


def build(name: str, broker: str, partitions: int, datadir: Path) -> Any:
    """The app: one topic in, one table, one topic out."""
    app = faust.App(
        name,
        broker=f"kafka://{broker}",
        store="rocksdb://",
        datadir=str(datadir),
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
    )
    purchases = app.topic("purchases", value_type=Receipt)
    accrued = app.topic(f"{name}-accrued", value_type=PointsAccrued, partitions=partitions)
    balances = app.Table(f"{name}-balances", partitions=partitions, value_type=Balance, options={"driver": "rocksdict"})

    @app.agent(purchases)
    async def accrue(receipts: Any) -> None:
        async for receipt in receipts:
            amount = sum((line.quantity * line.unit_price for line in receipt.lines), Decimal(0))
            balance = balances.get(receipt.profile_id) or Balance()
            balance.active += int(amount)
            balance.receipts += 1
            balance.tier = next((name for threshold, name in TIERS if balance.active >= threshold), "")
            balances[receipt.profile_id] = balance
            await accrued.send(
                key=receipt.profile_id,
                value=PointsAccrued(
                    profile_id=receipt.profile_id,
                    receipt_id=receipt.receipt_id,
                    occurred_at=receipt.closed_at,
                    points=int(amount),
                    balance=balance.active,
                    tier=balance.tier,
                ),
            )

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--name", default="baseline", help="the app's id; its output topic is NAME-accrued")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--datadir", type=Path, required=True)
    options = parser.parse_args()
    app = build(options.name, options.broker, options.partitions, options.datadir)
    faust.Worker(app, loglevel="WARN", quiet=True, override_logging=True).execute_from_commandline()


if __name__ == "__main__":
    main()
