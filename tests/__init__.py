"""What pointstream claims, as tests: each name is a sentence, each table a list of cases."""
