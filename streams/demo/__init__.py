"""The demo: a simulated till feed, a real worker on the embedded broker, and a terminal that shows what becomes of it all.

`tills` invents receipts and knows what ought to become of each; `story` folds what the worker published into figures;
`audit` checks those figures against each other and against the feed's own; `screen` draws them; `run` starts and ends
the processes. Only `run` touches a broker, a clock or a terminal. Nothing here asks the core how points behave: the
demo believes the topics and nothing else.
"""
