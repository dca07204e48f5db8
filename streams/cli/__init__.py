"""The command line: one file a command, each thin. What a command does lives beside it and can be called without a terminal."""
