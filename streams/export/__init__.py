"""Export: a run out of a broker as one file, which `replay` applies again, partition by partition.

`lines` is the file format; `log` reads the broker; `run` puts them together.
"""
