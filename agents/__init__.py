"""Agents react: one reaction a file, each a function from state, record and program to effects."""
