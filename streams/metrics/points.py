"""Sums of points, exact: whole numbers of the smallest unit, which become decimals only when somebody scrapes.

A sum of decimals would drift, and be a hair beside what an audit adds up.
"""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

Key = tuple[str, str, str, str]  # program, point, type of entry, direction ("" where the type says it)


class PointSums(Collector):
    """`scales`: the smallest units of a point, by (program, point)."""

    def __init__(self, name: str, told: str, scales: Mapping[tuple[str, str], int]) -> None:
        self._name, self._told, self._scales = name, told, scales
        self._minor: dict[Key, int] = {}

    def add(self, key: Key, minor: int) -> None:
        self._minor[key] = self._minor.get(key, 0) + minor

    def begin(self, key: Key) -> None:
        """A series that is there before anything happened."""
        self._minor.setdefault(key, 0)

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._told, labels=["program", "point", "type", "direction"])
        for key, minor in list(self._minor.items()):
            family.add_metric(list(key), minor / self._scales.get(key[:2], 1))
        yield family
