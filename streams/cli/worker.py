"""`pointstream worker`: one Faust worker; start more to share the load."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from streams.cli.broker import to_broker
from streams.errors import Stop, WrongFiles
from streams.settings import LEAST_MEMORY, PORT_MAX, Name, Named, Size, setting

if TYPE_CHECKING:
    from streams.brokers import Cluster


@click.command(short_help="One worker on a broker; start more to share the load.")
@to_broker(address="kafka://HOST:PORT[,HOST:PORT], or embedded://HOST:PORT of the embedded broker.")
@setting(
    "--program",
    "programs",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    show_default="what is published",
    help="Publish this program file, or a folder of them, first, where it is not published yet; may be said several times.",
)
@setting(
    "--state",
    default=Path("pointstream-state"),
    type=Named(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A directory that this process alone uses. It can be lost: it is filled again from the changelog.",
)
@setting(
    "--without",
    multiple=True,
    metavar="PATH",
    show_default="nothing",
    help="Run without this part of the program, which is not in force yet.",
)
@setting("--backfill", is_flag=True, help="Ticks follow the greatest event time applied instead of the clock.")
@setting(
    "--app-id",
    default="pointstream",
    type=Name(),
    metavar="NAME",
    help="The consumer group; workers of one name share the partitions. All workers of these topics have one: two groups would count everything twice.",
)
@setting(
    "--instance-id",
    type=Name(),
    metavar="NAME",
    show_default="kept in the state directory",
    help="The name that this worker has in its group and keeps over a restart (static membership). No two at a time may have one.",
)
@setting("--cycle-ms", default=150, type=click.IntRange(10, 10_000), help="How often what was done is committed.")
@setting(
    "--cycle-records",
    default=50_000,
    type=click.IntRange(1, 1_000_000),
    help="At most so many records a commit, and no more than the memory has room for.",
)
@setting("--session-timeout-ms", default=10_000, type=click.IntRange(1_000, 600_000), help="When a silent worker counts as gone.")
@setting(
    "--transaction-timeout-ms", default=12_000, type=click.IntRange(1_000, 900_000), help="When an open transaction is given up."
)
@setting(
    "--stuck-ms",
    default=60_000,
    type=click.IntRange(1_000, 3_600_000),
    help="End the process if it lags and nothing moves so long.",
)
@setting(
    "--memory",
    default="1GiB",
    type=Size(),
    help="What the worker may take, all partitions and processes together.",
)
@setting(
    "--standby-replicas",
    default=0,
    type=click.IntRange(0, 16),
    help="Keep warm copies of partitions that other workers own, so many of each in the group: taking over is quick then.",
)
@setting(
    "--processes",
    default=1,
    type=click.IntRange(1, 256),
    help="So many workers at once, each in a process of its own: one a core, and no more than partitions.",
)
@setting(
    "--log-format",
    default="text",
    type=click.Choice(["text", "json"]),
    help="On standard error: sentences, or a JSON object a line. Neither names a person.",
)
@setting(
    "--metrics-port",
    type=click.IntRange(1, PORT_MAX),
    metavar="PORT",
    show_default="none",
    help="Serve /metrics, /livez, /readyz and /startupz there; with --processes the second on the next port, and so on.",
)
@setting("--metrics-address", default="0.0.0.0", metavar="ADDRESS", help="Of which address; :: is every one of IPv6.")  # noqa: S104  # as the auditor's
def command(
    *,
    broker: "Cluster",
    programs: tuple[Path, ...],
    state: Path,
    without: tuple[str, ...],
    backfill: bool,
    app_id: str,
    instance_id: str | None,
    cycle_ms: int,
    cycle_records: int,
    session_timeout_ms: int,
    transaction_timeout_ms: int,
    stuck_ms: int,
    memory: int,
    standby_replicas: int,
    processes: int,
    log_format: Literal["text", "json"],
    metrics_port: int | None,
    metrics_address: str,
) -> int:
    """Run one worker, or several processes of it. Start more of them to share the load; each needs a --state directory of its own.

    Programs come from the topic `programs`, where `pointstream publish` puts them, and what is published while it runs is taken.
    """
    if memory // processes < LEAST_MEMORY:
        raise click.UsageError(f"--memory is for all {processes} processes together: 1MiB each, {processes}MiB at least")
    if metrics_port is not None and metrics_port + processes - 1 > PORT_MAX:
        raise click.UsageError(
            f"--metrics-port {metrics_port} with --processes {processes}: each process has the next port, and they end at {PORT_MAX}"
        )
    if programs:
        from streams.programs import programs_in_force

        try:
            programs_in_force(programs, without)  # every fault of a wrong file, before anything that takes time is loaded
        except Stop as stop:
            if log_format == "text":
                raise
            return _refused(stop)
    from streams.worker.settings import WorkerSettings

    settings = WorkerSettings(
        broker=broker.address,
        security=broker.security,
        state=state,
        programs=programs,
        without=without,
        app_id=app_id,
        backfill=backfill,
        cycle_ms=cycle_ms,
        cycle_records=cycle_records,
        session_timeout_ms=session_timeout_ms,
        transaction_timeout_ms=transaction_timeout_ms,
        stuck_ms=stuck_ms,
        instance_id=instance_id,
        memory_bytes=memory,
        standby_replicas=standby_replicas,
        log_format=log_format,
        metrics_port=metrics_port,
        metrics_address=metrics_address,
    )
    if processes > 1:
        from streams.logs import configure
        from streams.worker.fleet import run_fleet

        configure(log_format)
        return run_fleet(settings, processes)
    from streams.worker.run import run_worker

    return run_worker(settings)


def _refused(stop: Stop) -> int:
    """What is wrong with the files, a JSON object a line: whoever collects the log reads one form."""
    from streams.logs import configure, say

    configure("json")
    for line in stop.lines if isinstance(stop, WrongFiles) else ():
        say("wrong-program", line, "error")
    say("refused", stop.message, "error")
    return stop.exit_code
