"""The worker: whole fetched batches through the core, and everything of a cycle in one transaction.

`cycle` is the commit order; `recovery` how a partition is continued; `transactional` and `planned` the two ways to publish a
cycle; `reader` the consumer that owns the partitions; `engine` what joins them; `app` the Faust app around it; `run` the entry.
"""
