"""The same two workloads on every stack: an idiomatic Faust app, Quix Streams, this worker, and the floor under all of them."""
