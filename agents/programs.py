"""The programs as the agents use them: the version in force at an instant, its rulebook, its point types by name."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from agents.asked import Asked, Watch, number_of
from agents.plans import listened_to, playbook_of
from schemas.instants import Instant
from schemas.program import Catalog, PointType, Program
from schemas.schedules import Schedule
from schemas.templates import Template
from tables.earning import Rulebook
from tables.facts import asked_fields
from tables.ladder import Ladder
from tables.pages import HEAD_MAX, NAMED_MAX


class MissingProgramError(Exception):
    """There are ledgers of a program or point type whose file is gone."""


class Version:
    """One version of one program, sorted for use. `counts_everybody`: it asks for no consent and for no membership first;
    `notes_purchases`: some version of its program asks for figures over purchases.
    """

    def __init__(self, program: Program, asked: Asked) -> None:
        self.program = program
        self.rulebook = Rulebook(program)
        self.ladder = Ladder(program) if program.tiers.definitions else None
        self.points = {point.sid: point for point in program.points}
        self.asked_fields = asked_fields(program)
        self.playbook = playbook_of(program)
        self.codes = {code.code: code for code in program.campaigns.codes}
        self.counts_everybody = program.membership.consent is None and program.membership.join != "explicit"
        self.watch = Watch(program)
        self.notes_purchases = asked.purchases
        self.reminders = (
            {each.reminder: each for each in program.campaigns.reminders} if program.status == "active" else {}
        )  # that are in force
        self.reminders_plan = number_of([*self.reminders.values()]) if self.reminders else 0  # by which they are known again
        self._templates = {name: Template(text) for name, text in program.campaigns.templates.items()}

    def template(self, name: str) -> Template:
        """One of its templates; each is compiled when it is first rendered."""
        return self._templates[name]


class Programs:
    """`head_lots`: so many open lots a ledger's own record may hold (`tables.pages`); `named_lots`: so many an entry names of those
    that a renewal moves (`agents.lifetimes`).
    """

    def __init__(self, catalog: Catalog, head_lots: int = HEAD_MAX, named_lots: int = NAMED_MAX) -> None:
        self.head_lots = head_lots
        self.named_lots = named_lots
        self.asked = {name: Asked(programs) for name, programs in catalog.programs.items()}
        self._versions = {
            name: tuple(Version(program, self.asked[name]) for program in programs) for name, programs in catalog.programs.items()
        }
        self._starts = {name: [version.program.effective_from for version in found] for name, found in self._versions.items()}
        self.remember_us = max((program.remember_us for found in catalog.programs.values() for program in found), default=0)
        self.park_us = max((program.park_us for found in catalog.programs.values() for program in found), default=0)
        self.claims = any(program.receipts == "claimed" for found in catalog.programs.values() for program in found)
        self.campaigning = any(asked.anything for asked in self.asked.values()) or any(
            not program.campaigns.idle for found in catalog.programs.values() for program in found
        )
        self.planning = [
            name
            for name, found in self._versions.items()
            if any(not version.watch.idle or version.reminders for version in found)
        ]
        """Programs of which some version has segments, timers or reminders: what a new one says is planned at every profile."""
        self.changing = [name for name in self.planning if len(self._versions[name]) > 1]
        self.listening = {  # to which entries and tier changes, by type
            name: heard for name, found in self._versions.items() if (heard := listened_to(version.playbook for version in found))
        }
        self.following = any(not version.watch.idle for found in self._versions.values() for version in found)
        self.with_milestones = frozenset(
            [name for name, found in self._versions.items() if any(version.playbook.milestones for version in found)]
        )
        self.reminding = {name: spells for name, found in self._versions.items() if (spells := _spells(found))}
        self.reminders_of = {
            name: list(dict.fromkeys([reminder for _, version in spells for reminder in version.reminders]))
            for name, spells in self.reminding.items()
        }  # those of any version, each once
        self.sliding = {key: lasting for name, found in catalog.programs.items() for key, lasting in _sliding(name, found)}
        """Point types that something renews in some version, with every time for which their points last in any version."""
        self.coded = any(program.campaigns.codes for found in catalog.programs.values() for program in found)
        self.referring = [
            name for name, found in catalog.programs.items() if any(program.campaigns.referral for program in found)
        ]
        self.counted = bool(self.referring) or any(
            version.playbook.counts for found in self._versions.values() for version in found
        )  # whether something may be asked of other keys while a profile is settled,
        self.parks = any(
            program.membership.before_join == "park" for found in catalog.programs.values() for program in found
        )  # or records may go on that have waited for it to join
        self._by_application: dict[str, list[str]] = {}
        for name, found in self._versions.items():
            for application in sorted({application for version in found for application in version.program.applications}):
                self._by_application.setdefault(application, []).append(name)
        live = [name for name, found in catalog.programs.items() if found[0].environment == "live"]
        self._of_nobody = live or list(self._versions)

    def __contains__(self, name: str) -> bool:
        return name in self._versions

    def names(self) -> list[str]:
        return list(self._versions)

    def of_application(self, application: str) -> list[str]:
        """The programs that count an application's records, in order of name."""
        found = self._by_application.get(application)
        return [] if found is None else found

    def of_nobody(self) -> list[str]:
        """The programs that count what no application says it sent: live ones do not share it with sandboxes."""
        return self._of_nobody

    def asking_consent(self, field: str) -> list[str]:
        """The programs that call this field of the profile its consent, in any version."""
        return [
            name
            for name, found in self._versions.items()
            if any((version.program.membership.consent or "").partition(".")[0] == field.partition(".")[0] for version in found)
        ]

    def version(self, name: str, at: Instant) -> Version | None:
        """The version in force at an instant; None before the first. Raises `MissingProgramError`."""
        starts = self._starts.get(name)
        if starts is None:
            raise MissingProgramError(f"the state holds a membership of {name}, which no program file knows: put its file back")
        position = bisect_right(starts, at)
        return self._versions[name][position - 1] if position else None

    def planned_by(self, name: str, plan: int) -> Version | None:
        """The newest version that plans so."""
        return next((version for version in reversed(self._versions.get(name, ())) if version.watch.plan == plan), None)

    def versions(self, name: str) -> tuple[Version, ...]:
        """All of a program, in order of their beginnings."""
        return self._versions[name]

    def first(self, name: str) -> Version:
        return self._versions[name][0]

    def point(self, name: str, sid: str, at: Instant) -> PointType:
        """A point type as the version in force has it, else the newest version that knows it."""
        version = self.version(name, at) if name in self._versions else None
        if version is not None and sid in version.points:
            return version.points[sid]
        for found in reversed(self._versions.get(name, ())):
            if sid in found.points:
                return found.points[sid]
        raise MissingProgramError(f"the state holds points {sid} of {name}, which no program file knows: put its file back")


def _sliding(name: str, versions: Sequence[Program]) -> Iterator[tuple[tuple[str, str], tuple[Schedule, ...]]]:
    points = [point for program in versions for point in program.points]
    for sid in dict.fromkeys([point.sid for point in points if point.renew_on]):
        lasting = [point.expiration for point in points if point.sid == sid]
        own = [rule.expiration for program in versions for rule in program.earning if rule.point == sid]
        own += [each.expiration for program in versions for each in program.campaigns.promotions.values() if each.point == sid]
        yield (name, sid), tuple(dict.fromkeys([*lasting, *[schedule for schedule in own if schedule is not None]]))


def _spells(versions: tuple[Version, ...]) -> tuple[tuple[Instant, Version], ...]:
    """From when on which reminders are in force, each with the first version that says so; none where there never are any."""
    spells: list[tuple[Instant, Version]] = []
    for version in versions:
        if not spells or version.reminders != spells[-1][1].reminders:
            spells.append((version.program.effective_from, version))
    return tuple(spells) if any(version.reminders for _, version in spells) else ()
