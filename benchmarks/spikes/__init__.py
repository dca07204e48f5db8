"""Spikes: what was tried before it was decided, kept so that the figures in the decision records can be had again."""
