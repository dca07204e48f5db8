"""The sections of the program file, each read and checked in a module of its own. `section.py` is how they read."""
