"""How fast it is, measured beside an honest baseline. Run by `make bench`, never by the tests."""
