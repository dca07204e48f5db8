"""Notifying: what a scenario or a reminder has to tell a person becomes a record of `notifications`, rendered, for a channel that the
person allows.

The record is numbered with the profile's entries and comes right behind the one it speaks of (`depends_on`): whoever reads both topics
waits for that entry, and so never tells of points that are not there yet. Nothing is sent without the consent that the program asks
for, or where the profile's `subscriptions` leave no channel; in quiet hours the record says until when to wait. A template that fails
is a dead letter of its own, without a word of the person; whatever else happens goes on.
"""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents import consent
from agents.dead_letters import failed_template
from agents.outbox import Effect
from agents.programs import Version
from agents.template_facts import Occasion, TemplateFacts
from agents.visit import Visit
from schemas.campaigns import Notify, Quiet, Reminder
from schemas.events import Cause, Notification
from schemas.instants import Instant, format_instant, next_time_of_day, to_local, zone
from schemas.templates import TemplateFailedError
from schemas.topics import NOTIFICATIONS
from tables.state import Profile
from tables.timelines import field_at

SENT: Final = "sent"
NO_CHANNEL: Final = "no-channel"
NO_CONSENT: Final = "no-consent"
TOO_LATE: Final = "too-late"
FAILED: Final = "failed"
FATES: Final = (SENT, NO_CHANNEL, NO_CONSENT, TOO_LATE, FAILED)
"""What can become of a notification, as metrics count it."""


def notify(
    visit: Visit,
    version: Version,
    what: Notify | Reminder,
    at: Instant,
    occasion: Occasion,
    depends_on: int | None,
    cause: Cause | None,
    before: Instant | None = None,
) -> bool:
    """Tell it, if it may be told. `before`: what would be sent then or later is not sent at all. False: nothing is sent; it is counted."""
    fate = _notify(visit, version, what, at, occasion, depends_on, cause, before)
    visit.count(("notification", version.program.program, fate))
    return fate == SENT


def _notify(
    visit: Visit,
    version: Version,
    what: Notify | Reminder,
    at: Instant,
    occasion: Occasion,
    depends_on: int | None,
    cause: Cause | None,
    before: Instant | None,
) -> str:
    program, profile = version.program, visit.profile
    now = max(at, profile.settled_at)
    if not consent.consents(profile, program, at) or (now > at and not consent.consents(profile, program, now)):
        return NO_CONSENT  # what comes late is sent now, to one who agrees now
    channels = what.channel if isinstance(what, Reminder) else what.channels
    channel = allowed_channel(field_at(profile.fields, "subscriptions", now), channels, what.category)
    if channel is None:
        return NO_CHANNEL
    not_before = None if what.quiet is None else quiet_until(what.quiet, now, zone_of(profile, version, now))
    if before is not None and not_before is not None and not_before >= before:
        return TOO_LATE
    name = program.program
    about = f"{occasion.about}:{what.template}"
    try:
        rendered = version.template(what.template).render(TemplateFacts(visit, version, now, occasion), channel)
    except TemplateFailedError as error:
        told = f"the template {what.template} of {name} could not be rendered for {occasion.about.split(':')[0]}: {error}"
        visit.effects.append(failed_template(visit.profile_id, told))
        return FAILED
    membership = visit.membership(name)
    membership.sequence += 1
    record = Notification(
        id=visit.effect_id(name, "notification.requested", about, cause),
        type="notification.requested",
        program=name,
        profile_id=visit.profile_id,
        occurred_at=format_instant(at),
        recorded_at=visit.recorded_at,
        sequence=membership.sequence,
        cause=cause or visit.cause,
        channel=channel,
        template=what.template,
        text=rendered.text,
        variables=rendered.variables,
        depends_on=depends_on,
        not_before=None if not_before is None else format_instant(not_before),
    )
    visit.effects.append(Effect(NOTIFICATIONS, visit.profile_id, record))
    return SENT


def allowed_channel(subscriptions: Any, channels: tuple[str, ...], category: str | None) -> str | None:
    """The first of the channels that the field `subscriptions` allows: a mapping of channel to true or false, or to a mapping of category to
    true or false, where what is not named is allowed; or a list of the channels that are. Anything else says nothing.
    """
    for channel in channels:
        if isinstance(subscriptions, list):
            allowed = channel in subscriptions
        elif isinstance(subscriptions, Mapping):
            said = subscriptions.get(channel)
            if isinstance(said, Mapping):
                said = said.get(category) if category is not None else None
            allowed = said is not False
        else:
            allowed = subscriptions is not False
        if allowed:
            return channel
    return None


def zone_of(profile: Profile, version: Version, at: Instant) -> ZoneInfo:
    """The zone that the profile lives in at an instant, where that is known, else the program's."""
    name = field_at(profile.fields, "timezone", at)
    if isinstance(name, str):
        try:
            return zone(name)
        except ValueError:
            pass  # what is no zone says nothing
    return version.program.timezone


def quiet_until(quiet: Quiet, at: Instant, place: ZoneInfo) -> Instant | None:
    """Until when nothing is sent at an instant; None: it may be sent at once."""
    local = to_local(at, place)
    minute = local.hour * 60 + local.minute
    if quiet.from_minute <= quiet.until_minute:
        if not quiet.from_minute <= minute < quiet.until_minute:
            return None
    elif quiet.until_minute <= minute < quiet.from_minute:
        return None
    return next_time_of_day(quiet.until_minute, at + 1, place)
