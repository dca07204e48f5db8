"""Whether a worker lives, is ready, has started: `checks` says it, `server` tells it, `ends` remembers why predecessors ended."""
