"""How fast, beside what: measurements that anybody can repeat with `make bench`. Never tests: nothing fails for being slow."""
