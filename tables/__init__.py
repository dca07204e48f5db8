"""Tables remember: the ledger and its moves, what a receipt earned, what is due, and how a partition lives in RocksDB."""
