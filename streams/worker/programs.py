"""The programs of a worker of a fleet: taken from the topic `programs`, followed in a thread, and put in force between two cycles.

    follow    a thread reads the topic, from its start to its end before the worker joins the group, and then on
    take      when nothing is dirty, nor will be meanwhile: every partition goes by the new programs from here on, and a step says so
    commit    the step is the first of the partition's next cycle, so `cycles` tells what was judged by which programs, and a
              position that says how far the topic was taken goes with the states into the changelog

So a new owner knows what its predecessor went by: behind that it brings a partition up before anything else, ahead of that it waits until
it has read as far. Programs that this worker must not run (something in them is not built here, or the ledgers were made under other
terms) are refused with a sentence, and the old ones go on.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from agents import made_under
from agents.core import Core
from schemas.instants import format_instant
from schemas.program import Catalog
from schemas.program_file import catalog_of
from schemas.topics import PROGRAMS
from streams.brokers import Cluster
from streams.errors import BrokerAway, WrongUsage
from streams.logs import told
from streams.published.topic import PARTITION, Reader
from streams.published.versions import Identity, Versions
from streams.worker.broker import Broker
from streams.worker.changelog import CancelledError, StuckError
from streams.worker.logic import LedgerLogic, LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import Programs
from streams.worker.watch import Unwatched, Watch

_READ_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 0.1
_log: Final = logging.getLogger(__name__)


class Taken(NamedTuple):
    """What the topic came to when it stood at `offset`."""

    offset: int
    keys: list[str]
    catalog: Catalog
    missing: list[str]  # what of it is not built here, and nobody has waived
    begin: dict[Identity, bool]  # each version, and whether it may be late


class FollowedPrograms(threading.Thread):
    """`follow` first, and `end` at the end. All of it for any thread; `bring_up` while nobody else changes the partitions that it is given."""

    def __init__(
        self,
        broker: Cluster,
        without: Iterable[str],
        logic: LedgerLogic,
        questions: Broker,
        partitions: int,
        watch: Watch | None = None,
        patience_seconds: float = 45.0,
        open_topic: Callable[[Cluster], Reader] = Reader,
    ) -> None:
        """`patience_seconds`: for how long `wait_for` waits while nothing comes of what there is to read."""
        super().__init__(name="programs", daemon=True)
        self._broker, self._questions, self._partitions = broker, questions, partitions
        self._without = tuple(without)
        self._logic = logic
        self._watch = watch or Unwatched()
        self._patience_seconds = patience_seconds
        self._open_topic = open_topic
        self._versions = Versions()
        self._passed_over = 0
        self._made_anew = False
        self._ending = threading.Event()
        self._read_to = 0
        self._newest = self._taken = Taken(0, [], Catalog([]), [], {})
        self._refused: Taken | None = None

    @property
    def newer(self) -> bool:
        """Whether there is something to take that was not refused already."""
        return self._newest is not self._taken and self._newest is not self._refused

    # reading

    def follow(self) -> Catalog:
        """Read the topic to its end, and follow it from then on; the programs that there are. Raises `WrongUsage`."""
        reader, until = self._open_topic(self._broker), time.monotonic() + _READ_SECONDS
        while not reader.ended and time.monotonic() < until:
            self._read(reader)
        if not reader.ended:
            raise BrokerAway(f"{self._broker} does not give the topic {PROGRAMS}; start again when it does")
        if not self._newest.catalog.programs:
            raise WrongUsage(
                "nothing is published: `pointstream publish FILE --broker URL` puts programs into the topic `programs`, and so does --program"
            )
        if missing := self._newest.missing:
            flags = " ".join(f"--without {path}" for path in missing)
            raise WrongUsage(f"not in force yet: {', '.join(missing)}; to run without it, add {flags}")
        self._take(self._newest)
        self._reader = reader
        self.start()
        return self._newest.catalog

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                self._read(self._reader)
            except Exception as error:  # noqa: BLE001  # what is taken goes on, the topic may come back, and this thread ends for nothing
                _log.warning("the topic %s cannot be read: %s", PROGRAMS, told(error))
                self._ending.wait(_POLL_SECONDS)
        self._reader.close()

    def end(self) -> None:
        self._ending.set()
        if self.is_alive():
            self.join(_READ_SECONDS)

    def _read(self, reader: Reader) -> None:
        found = reader.read(_POLL_SECONDS)
        if found and found[0].offset < self._versions.end and not self._made_anew:
            self._made_anew = True
            self._watch.refused()
            _log.error(
                "the topic %s was made anew: the programs that are in force go on, and nothing more is taken from it. Restore it; no worker could "
                "go on with these partitions after a restart",
                PROGRAMS,
            )
        if self._made_anew:
            return
        for why in (wrong := self._versions.take(found)):
            _log.error("%s", why)
        self._passed_over += len(wrong)
        self._watch.passed_over(self._passed_over)
        versions = self._versions
        if versions.offset != self._newest.offset:
            late = {identity: versions.texts[key].late for identity, key in versions.current.items()}
            self._newest = Taken(versions.offset, versions.keys, versions.catalog, versions.missing(self._without), late)
        self._read_to = max(versions.end, reader.end)

    def wait_for(self, partitions: Iterable[Partition], cancelled: threading.Event) -> None:
        """Until the topic has been read as far as these partitions have taken it.

        Raises `CancelledError`, `StuckError`, `WrongUsage`, `KafkaException`.
        """
        wanted = max([partition.position.programs for partition in partitions], default=0)
        if wanted > self._read_to:
            self._check_end(wanted)
        until = time.monotonic() + self._patience_seconds
        while wanted > self._read_to:
            if cancelled.wait(_AGAIN_SECONDS):
                raise CancelledError
            if time.monotonic() > until:
                self._check_end(wanted)  # where the broker is away, this says so
                raise StuckError(
                    f"the state goes by programs up to offset {wanted} of the topic {PROGRAMS}, and nothing of it came for "
                    f"{self._patience_seconds:.0f} s although it is there: ending"
                )

    def _check_end(self, wanted: int) -> None:
        end = self._questions.ends([(PROGRAMS, PARTITION)])[PROGRAMS, PARTITION]
        if end < wanted:
            raise WrongUsage(
                f"the state goes by programs up to offset {wanted} of the topic {PROGRAMS}, which ends at {end}: it was made anew. "
                "Restore the topic, or begin anew with another --app-id and new topics"
            )

    # taking

    def bring_up(self, partitions: Iterable[Partition]) -> None:
        """Have these partitions go by the newest programs; none of them may be dirty. Raises `WrongUsage`.

        May look at every profile, where what cannot change has changed of a program of which nobody may have entries yet.
        """
        owned = [partition for partition in partitions if isinstance(partition.reactions, LedgerReactions)]
        if self.newer:
            newest = self._newest
            why = self._why_not(newest, owned)
            if why is None:
                self._take(newest)
            else:
                self._refused = newest
                self._watch.refused()
                _log.error("what was published last is refused, and the programs before it go on: %s", why)
        taken = self._taken
        catalog, core = self._logic.core(self._partitions)
        for partition in owned:
            before = partition.position.programs
            # It was read as far (`wait_for`), and what is there was refused, or passed over as it came, whatever has counted since.
            if before > taken.offset or not self._versions.knows(partition.position.texts):
                raise WrongUsage(
                    f"partition {partition.number} goes by programs that this worker must refuse: what its log says stands above"
                )
            self._go_by(partition, catalog, core)
            if before < taken.offset:
                self._warn_of_late(partition, taken)
                partition.take(Programs(taken.offset, taken.keys))

    def _take(self, newest: Taken) -> None:
        self._logic.take(newest.catalog)
        self._taken = newest
        self._watch.programs(newest.catalog)
        _log.info("programs in force, from offset %d of %s: %s", newest.offset, PROGRAMS, ", ".join(newest.keys))

    def _why_not(self, newest: Taken, partitions: Iterable[Partition]) -> str | None:
        if newest.missing:
            return f"not in force yet: {', '.join(newest.missing)}"
        for partition in partitions:
            if isinstance(partition.reactions, LedgerReactions):
                why = made_under.refusal(partition.reactions.table, newest.catalog)
                if why is not None:
                    return why
        return None

    def _go_by(self, partition: Partition, catalog: Catalog, core: Core) -> None:
        reactions = partition.reactions
        if isinstance(reactions, LedgerReactions) and reactions.core is not core:
            try:
                made_under.check(reactions.table, catalog)
            except made_under.ProgramChangedError as error:
                raise WrongUsage(str(error)) from None
            reactions.core = core

    def _warn_of_late(self, partition: Partition, taken: Taken) -> None:
        """`publish` has made sure that this does not happen; where it was slow to be read, the fleet must still be of one mind."""
        position = partition.position
        settled = max([at for at in (position.tick, position.greatest) if at is not None], default=None)
        if position.programs == 0 or settled is None:
            return
        new = set(taken.begin) - set(self._versions_at(position.programs))
        for program, begins in sorted(new):
            if begins <= settled and not taken.begin[Identity(program, begins)]:
                _log.warning(
                    "partition %d has settled up to %s, and takes %s from %s: what came between was judged by the version before",
                    partition.number, format_instant(settled), program, format_instant(begins),
                )  # fmt: skip

    def _versions_at(self, offset: int) -> set[Identity]:
        return {identity for identity, key in self._versions.current.items() if key in self._versions.keys_at(offset)}

    # doing a planned cycle again

    def run_by(self, partition: Partition, step: Programs) -> None:
        """Have a partition go by the very programs that a step names."""
        try:
            catalog = catalog_of(self._versions.sources(step.versions))
        except KeyError as error:
            raise WrongUsage(f"the topic {PROGRAMS} has no {error.args[0]}, by which a cycle was planned") from None
        self._go_by(partition, catalog, Core(catalog, self._partitions))

    def run_as_before(self, partition: Partition) -> None:
        """Have a partition go by what its position says."""
        offset = partition.position.programs
        if 0 < offset < self._taken.offset:
            self.run_by(partition, Programs(offset, self._versions.keys_at(offset)))
