"""Chaos: a fleet of workers on a real Kafka that is killed, frozen, robbed and cut off, and then has to account for every record.

    make chaos SEED=7                            500,000 records, 50,000 profiles, 3 workers, 10 kills, 3 freezes, 2 losses, 1 broker restart
    make chaos SEED=7 RECORDS=20000 KILLS=3      a smaller one

`feed` makes records from a seed for the `programs`, `faults` strikes at moments that the seed chose, `comparison` asks of the `evidence`
what is true afterwards, `run` joins them. Whatever happens on the way, the claim is the same: order and ticks stand in `cycles`, so the
replay of the exported run says what the output has to be, byte by byte.
"""
