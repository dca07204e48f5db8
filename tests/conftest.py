"""What all tests share: where things lie, what a missing tool or folder means, and a word on what was left out.

A test that needs a real Kafka is marked `kafka`. Without Java it skips with a reason; where `POINTSTREAM_REQUIRE_KAFKA=1`
(CI) it fails instead, so that a green run there has really seen a broker.
"""

import gc
import logging
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

if TYPE_CHECKING:
    from tests.kafka.secured import Secured

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
REQUIRE_KAFKA = "POINTSTREAM_REQUIRE_KAFKA"
REQUIRE_PROMTOOL = "POINTSTREAM_REQUIRE_PROMTOOL"
GOLDEN_UPDATE = "POINTSTREAM_GOLDEN_UPDATE"


def missing_for_kafka() -> list[str]:
    """What the real-Kafka suite needs and this machine lacks; Maven only until it has fetched the broker once."""
    tools = ["java"] if any((ROOT / "deploy" / "kafka").glob("**/kafka_2.13-*.jar")) else ["java", "mvn"]
    return [tool for tool in tools if shutil.which(tool) is None]


def pytest_configure() -> None:
    """A developer's own POINTSTREAM_* settings do not reach the product under test; nor that a shell started these tests in the background, and so
    with Ctrl-C ignored, which every process inherits.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [*os.environ]:
        if name.startswith("POINTSTREAM_") and name not in {REQUIRE_KAFKA, REQUIRE_PROMTOOL, GOLDEN_UPDATE}:
            del os.environ[name]
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):  # some hundred processes would compile every module anew
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "build" / "pycache"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first and together, so that none is left for the end and what a module shares is made once."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Thousands of tests are a large heap, and no collection has to walk it again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = missing_for_kafka() if item.get_closest_marker("kafka") else []
    if missing:
        pytest.skip(f"a real Kafka needs Java 17 and Maven; not found here: {', '.join(missing)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("kafka") and os.environ.get(REQUIRE_KAFKA):
        report.outcome = "failed"
        report.longrepr = f"may not skip while {REQUIRE_KAFKA} is set: {report.longreprtext}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "not kafka" not in str(config.option.markexpr):
        return
    missing = missing_for_kafka()
    here = f"which this machine lacks: {', '.join(missing)}" if missing else "which this machine has"
    terminalreporter.section("left out")
    terminalreporter.line(f"The real-Kafka suite. `make kafka-test` runs it; it needs Java 17 and Maven, {here}.")
    if "not seeded" in str(config.option.markexpr):
        terminalreporter.line("The seeded bugs, which test these tests. `make seeded-bugs` runs them.")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a real Apache Kafka that lives as long as the test session."""
    from tests.kafka.help import real_kafka  # most runs need no broker

    with real_kafka(tmp_path_factory.mktemp("kafka")) as servers:
        yield servers


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Secured]":
    """A real Apache Kafka that asks who we are, likewise."""
    from tests.kafka.secured import secured_kafka

    with secured_kafka(tmp_path_factory.mktemp("secured")) as found:
        yield found


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_checks() -> Path:
    """The acceptance check files beside the project; the test skips where they are not."""
    return _beside("checks")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public purchase data beside the project; the test skips where they are not."""
    return _beside("data")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A test that configures the log leaves nothing of that to the next one, which may count what is said."""
    root = logging.getLogger()
    loggers = [root, logging.getLogger("streams"), logging.getLogger("streams.worker.app")]
    levels, handlers = [one.level for one in loggers], [*root.handlers]
    config, was = structlog.get_config(), structlog.is_configured()
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)
    root.handlers[:] = handlers
    if was:
        structlog.configure(**config)
    else:
        structlog.reset_defaults()


def _beside(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"../shared/{name} does not lie beside the project")
    return folder
