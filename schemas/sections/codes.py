"""`codes` and `referral`: promo codes that work so often, and what who brought a friend gets (R081 2.3)."""

from schemas.campaigns import Code, Referral
from schemas.schedules import parse_schedule
from schemas.sections import values
from schemas.sections.promotions import Promotions, read_use
from schemas.sections.section import Section

_FINAL_AFTER = parse_schedule("14 days")
_uses = values.integer(1, 10**9 - 1)


def read_codes(top: Section) -> tuple[Code, ...]:
    sections = top.sections("codes")
    names = top.names("code", "code", sections, pattern=values.name)
    found: list[Code] = []
    for section, name in zip(sections, names, strict=True):
        code = Code(code=name, uses=section.value_or_none("uses", _uses), per_profile=section.value_or_none("per_profile", _uses))
        if not (section.has("uses") or section.has("per_profile")):
            section.fault("", "must have uses, per_profile or both: a code that always works needs no entry here")
        section.done()
        found.append(code)
    return tuple(found)


def read_referral(top: Section, promotions: Promotions) -> Referral | None:
    if not top.has("referral"):
        top.raw("referral")
        return None
    section = top.section("referral")
    promotion, points_minor = read_use(section, "accrue", promotions)
    referral = Referral(
        promotion=promotion,
        points_minor=points_minor,
        final_after=section.value("final_after", values.wait, _FINAL_AFTER),
        minimum_nano=section.value("minimum", values.nano(), 0),
        code=section.value("code", values.profile_field, "referral_code"),
    )
    section.done()
    return referral
