"""What a worker shows to Prometheus: `events` what happened, `standing` how things stand, `sweep` what its tables hold.

`watching` is the `Watch` that the engine tells; `streams.health.server` shows it all on one port. No label and no value names a
person. Every metric has a row in docs/metrics.md, and a test holds the two together.
"""
