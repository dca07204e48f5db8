"""The auditor: an independent reader of `ledger-entries` that checks the books entry by entry.

It imports nothing of `agents`, `tables` or `schemas` (an import contract proves it), so that a mistake in the ledger cannot be in
here as well. `entries` is what an entry looks like from outside; `books` what is known of a ledger; `booking` what an entry of each
type may change, and by how much; `lots` what each lot holds; `auditor` the order of entries and their ids; `accounts` where it keeps
what it knows; `run` reads and reports, `metrics` shows.
"""
