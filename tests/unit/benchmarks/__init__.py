"""What the benchmarks reckon with: targets, percentiles, receipts. No times are measured here."""
