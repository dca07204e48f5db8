"""A histogram that takes many observations at once: what `prometheus_client`'s own can take one by one only.

A worker applies tens of thousands of records a second in slices of hundreds; their delays are told by slice.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

DELAY_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)


class ManyAtOnce(Collector):
    """Buckets by one label. One thread observes, any may collect."""

    def __init__(self, name: str, told: str, label: str, values: Sequence[str], bounds: Sequence[float] = DELAY_SECONDS) -> None:
        self._name, self._told, self._label, self._bounds = name, told, label, tuple(bounds)
        self._counts = {value: [0] * (len(bounds) + 1) for value in values}
        self._sums = dict.fromkeys(values, 0.0)

    def observe(self, value: str, amount: float, times: int) -> None:
        self._counts[value][bisect_left(self._bounds, amount)] += times
        self._sums[value] += amount * times

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._told, labels=[self._label])
        for value, counts in self._counts.items():
            total, buckets = 0, []
            for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
                total += count
                buckets.append((floatToGoString(bound), float(total)))  # type: ignore[no-untyped-call]
            family.add_metric([value], buckets, self._sums[value])
        yield family
