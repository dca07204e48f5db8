"""Check files: unit tests for a program file. Read (`file`), run over the pure core in memory (`run`), compared (`compare`)."""
