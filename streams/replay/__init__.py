"""Replay: the same agents over files, with no broker. Files in, files out; same input, same bytes."""
