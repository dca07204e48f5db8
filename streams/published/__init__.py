"""Published programs: the topic `programs`, from which the workers of a fleet take the programs that they run.

`versions` says what the records of the topic come to; `topic` reads and writes them; `rules` decides what may be published, `settled`
by what the workers have settled; `run` puts them together for `pointstream publish` and for a worker that is given a folder.
"""
