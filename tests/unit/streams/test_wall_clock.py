"""The wall clock is believed while it goes as the steady one does: what falls due by it is final."""

import pytest

from streams.worker.wall_clock import WallClock

MINUTE, DAY = 60.0, 86_400.0
STARTED_S = 1_700_000_000


class Clocks:
    def __init__(self) -> None:
        self.wall_seconds = float(STARTED_S)
        self.steady_seconds = 5_000.0
        self.clock = WallClock(lambda: int(self.wall_seconds * 1e9), lambda: int(self.steady_seconds * 1e9))

    def shows_after(self, wall_seconds: float, steady_seconds: float) -> float | None:
        """Seconds since the start, None where it is not believed."""
        self.wall_seconds += wall_seconds
        self.steady_seconds += steady_seconds
        now = self.clock.now()
        return None if now is None else now / 1e6 - STARTED_S


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        pytest.param([(1, 1), (3_600, 3_600)], [1, 3_601], id="it goes as time does, asleep or not"),
        pytest.param([(40, 1), (41, 1)], [40, 81], id="less than a minute at once is believed"),
        pytest.param([(MINUTE + 2, 1)], [None], id="more is not"),
        pytest.param([(1 + 400 * DAY, 1), (1, 1), (1 - 400 * DAY, 1)], [None, None, 3], id="until it is right again"),
        pytest.param([(400 * DAY, 1), (1 - 399 * DAY, 1), (DAY, DAY)], [None, None, None], id="a little less wrong is wrong"),
        pytest.param([(-DAY, 1), (1, 1)], [-DAY, 1 - DAY], id="a clock that jumps back brings nothing before its time"),
    ],
)
def test_what_is_believed(steps: list[tuple[float, float]], shown: list[float | None]) -> None:
    clocks = Clocks()
    assert [clocks.shows_after(*step) for step in steps] == shown


def test_it_is_told_once_how_far_it_jumped_and_when_it_is_right_again(capsys: pytest.CaptureFixture[str]) -> None:
    clocks = Clocks()
    for wall_seconds in (DAY + 1, 1, 1, 1 - DAY, 1):
        clocks.shows_after(wall_seconds, 1)
    told = [line for line in capsys.readouterr().err.splitlines() if "clock" in line]
    assert len(told) == 2
    assert "jumped 86,400 s ahead, to 2023-11-15T22:13:21Z" in told[0]
    assert "right again" in told[1]
