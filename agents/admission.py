"""Admission: which versions of which programs a record counts for, and whether its time lies within what they accept.

A record of a till or a site counts for the programs that name its application; a redemption or an adjustment for the one that it
names; a profile record for none in particular. Nothing here changes anything: a record that is refused settles nothing.
"""

from agents.programs import Programs, Version
from schemas.instants import Instant, format_instant
from schemas.outcomes import Refused
from schemas.program import Program
from schemas.records import Adjustment, Cancel, Pixel, ProfileRecord, Record, Redemption, Return, Sale, event_time
from tables.basis import knows_currency
from tables.state import Profile


def versions_of(programs: Programs, record: Record, at: Instant, arrived_at: Instant) -> list[Version]:
    """The versions that the record counts for. Raises `Refused` where it counts for none; nothing has changed then."""
    if type(record) is Sale or isinstance(record, (Sale, Cancel, Return, Pixel)):  # the first is the shorter question
        return of_application(programs, record, at, arrived_at)
    if isinstance(record, ProfileRecord):
        check_profile_record(programs, record, arrived_at)
        return []
    return [of_program(programs, record, at, arrived_at)]


def of_application(programs: Programs, record: Sale | Cancel | Return | Pixel, at: Instant, arrived_at: Instant) -> list[Version]:
    """The versions in force at the record's time, of the programs that it counts for. A pixel without application counts for all (live) ones.

    None at all where only drafts, or programs that have ended, would count it: it has no effect then. Raises `Refused` where nothing knows
    it: `unknown-application`, `unknown-program`, or a bound of the record's time.
    """
    application = record.application
    names = programs.of_nobody() if application is None else programs.of_application(application)
    if not names:
        raise Refused("unknown-application", f"no program counts records of {application}", "application")
    sale = record if isinstance(record, Sale) else None
    if sale is not None and sale.program is not None:
        if sale.program not in programs:
            raise Refused("unknown-program", f"there is no program {sale.program}", "program")
        if sale.program not in names:
            raise Refused("unknown-application", f"{sale.program} does not count {application}", "application")
        names = [sale.program]
    found: list[Version] = []
    refusal: Refused | None = None
    inactive = False
    for name in names:
        in_force = programs.version(name, at)
        if in_force is not None and sale is not None and _plainly_counts(in_force.program, sale, at, arrived_at):
            found.append(in_force)  # as most do
            continue
        try:
            version = _version(programs, name, record, at, arrived_at)
            _check_application(version, application, at)
            if _is_inactive(version, earns=sale is not None):
                inactive = True
                continue
            if sale is not None and sale.subledger is not None:
                _check_subledger(version)
            found.append(version)
        except Refused as refused:
            refusal = refusal or refused
    if not found and not inactive and refusal is not None:
        raise refusal
    return found if sale is None or len(found) < 2 else _of_currency(found, sale)


def is_of_ended(programs: Programs, record: Record) -> bool:
    """Whether what counts for nothing is a sale of a program that has ended: it is remembered, so that what comes back of it is known."""
    if not isinstance(record, Sale):
        return False
    names = programs.of_application(record.application) if record.program is None else [record.program]
    in_force = [version.program for name in names if (version := programs.version(name, record.closed_at)) is not None]
    return any(
        [
            program.status == "ended" and record.application in program.applications and knows_currency(program, record)
            for program in in_force
        ]
    )


def _of_currency(versions: list[Version], sale: Sale) -> list[Version]:
    """A program that does not know the sale's currency does not count it, if another does."""
    return [version for version in versions if knows_currency(version.program, sale)] or versions


def _plainly_counts(program: Program, sale: Sale, at: Instant, arrived_at: Instant) -> bool:
    """All that is asked below, with yes for an answer; where it is no, it is asked again for the reason."""
    return (
        arrived_at - program.remember_us <= at <= arrived_at + program.ahead_us
        and program.late_us is None
        and program.status == "active"
        and sale.subledger is None
        and sale.application in program.applications
    )


def _check_application(version: Version, application: str | None, at: Instant) -> None:
    program = version.program
    if application is not None and application not in program.applications:
        message = f"{application} is no application of {program.program} at {format_instant(at)}"
        raise Refused("unknown-application", message, "application")


def _is_inactive(version: Version, *, earns: bool) -> bool:
    """A draft counts nothing; a program that has ended earns nothing, and settles what is there."""
    status = version.program.status
    return status != "active" and (earns or status == "draft")


def _check_subledger(version: Version) -> None:
    if not version.program.subledgers_enabled:
        raise Refused("invalid-field", f"{version.program.program} has no subledgers", "subledger")


def of_program(programs: Programs, record: Redemption | Adjustment, at: Instant, arrived_at: Instant) -> Version:
    """The version in force of the program that the record names.

    Raises `Refused`: `unknown-program`, `not-a-member`, `invalid-field`, or a bound of its time.
    """
    if record.program not in programs:
        raise Refused("unknown-program", f"there is no program {record.program}", "program")
    version = _version(programs, record.program, record, at, arrived_at)
    if record.subledger is not None:
        _check_subledger(version)
    if version.program.status == "draft" and isinstance(record, Adjustment):
        raise Refused("not-a-member", f"{record.program} is a draft at {format_instant(at)}: it has no members", "program")
    return version


def check_profile_record(programs: Programs, record: ProfileRecord, arrived_at: Instant) -> None:
    """A profile is of no program: its record is accepted where any program would accept its time. Raises `Refused`."""
    if record.application is not None and not programs.of_application(record.application):
        raise Refused("unknown-application", f"no program counts records of {record.application}", "application")
    refusal: Refused | None = None
    for name in programs.names():
        try:
            _check_bounds(
                programs.version(name, record.updated_at) or programs.first(name), record, record.updated_at, arrived_at
            )
            return
        except Refused as refused:
            refusal = refusal or refused
    if refusal is not None:
        raise refusal


def check_known(record: Record, at: Instant, known_from: Instant) -> None:
    """Raises `Refused` (`too-late`) for a record of so long ago that nobody can know any more whether it was counted.

    What a profile record says holds from its own time on, however often it is said; and an erasure is never too late.
    """
    if at < known_from and not isinstance(record, ProfileRecord):
        field = time_field(record)
        raise Refused(
            "too-late", f"{field} {format_instant(at)} is longer ago than is remembered where the profile is released", field
        )


def time_field(record: Record) -> str:
    """The name of the field that says when it happened."""
    if isinstance(record, (Sale, Cancel, Return)):
        return "closed_at"
    if isinstance(record, ProfileRecord):
        return "updated_at"
    return "requested_at" if isinstance(record, Redemption) else "occurred_at"


def _version(programs: Programs, name: str, record: Record, at: Instant, arrived_at: Instant) -> Version:
    version = programs.version(name, at)
    _check_bounds(version or programs.first(name), record, at, arrived_at)
    if version is None:
        field = time_field(record)
        raise Refused("before-program", f"{field} {format_instant(at)} is before the first version of {name}", field)
    return version


def _check_bounds(version: Version, record: Record, at: Instant, arrived_at: Instant) -> None:
    bounds = version.program
    if at > arrived_at + bounds.ahead_us:
        why, what = "future-event-time", "is ahead of its arrival"
    elif at < arrived_at - bounds.remember_us:
        why, what = "too-late", "is longer ago than the program remembers"
    elif bounds.late_us is not None and at < arrived_at - bounds.late_us:
        why, what = "too-late", "is later than the program accepts"
    else:
        return
    field = time_field(record)
    raise Refused(why, f"{field} {format_instant(at)} {what}", field)


def of_erased(known: Profile | None, record: Record) -> Refused | None:
    """Why a record is refused that is no younger than the erasure of its profile; whatever else is wrong with it."""
    if known is None or known.erased_at is None or event_time(record) > known.erased_at:
        return None
    return Refused("erased", f"the profile was erased at {format_instant(known.erased_at)}, and this is older")
