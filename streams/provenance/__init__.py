"""Provenance: where each point of a profile came from and where it went, read off the entries alone (U14)."""
