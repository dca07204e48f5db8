"""Streams wire: Faust, Kafka, files, terminals and clocks around the pure core."""
