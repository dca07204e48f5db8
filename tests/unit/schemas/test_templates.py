"""Templates: what they may not do, how much they may make, and that they ask for nothing but what they use."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from schemas.template_faults import faults_of
from schemas.template_sandbox import TEXT_MAX, Amount
from schemas.templates import Template, TemplateFailedError


class Ann:
    """Facts of one person, and what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fact(self, variable: str, part: str) -> Any:
        self.asked.append(f"{variable}.{part}" if part else variable)
        if variable == "lots":
            return [{"amount": Amount("3"), "description": "a gift"}, {"amount": Amount("4"), "description": None}]
        known = {
            "points": Amount("80.00"),
            "expires_on": None,
            "profile.first_name": "Ann",
            "profile.long": "x" * 10_000,
            "profile.list": ["a", "b"],
            "profile.longer": ["a", "b"] * 1_500,
            "profile.evil": "{{ 7 * 7 }}",
            "trigger.pixel": {"city": "Ulm\r\n"},
        }
        return known.get(self.asked[-1])

    def expiring(self, program: str, point: str, days: int, limit: int, order: str) -> Sequence[Mapping[str, Any]]:
        self.asked.append(f"expiring {program} {point} {days} {limit} {order}")
        return [{"amount": Amount("5")}][:limit]


def said(text: str, channel: str = "sms") -> str:
    assert [*faults_of(text)] == []
    return Template(text).render(Ann(), channel).text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ points }} {{ points + 1 }} {{ points * 2 }} {{ points / 4 }} {{ -points }}", "80.00 81.00 160.00 20.00 -80.00"),
        (
            "{{ points * 0.01 }} {{ (points - 0.5) / 0.5 }} {{ 1.5 + points }} {{ (points * 0.333) | round(2) }}",
            "0.8000 159.0 81.50 26.64",
        ),
        (
            "{{ profile.none > 3 }} {{ 3 > profile.none }} {{ points <= profile.none }} {{ expires_on < '2024' }}",
            "false false false false",
        ),
        ("{{ points > 79.5 }} {{ points == 80 }} {{ points < 80 }}", "true true false"),
        ("{{ points | int }} {{ points | round(1) }} {{ points | string | length }}", "80 80.0 5"),
        (
            "{{ expires_on }}|{{ expires_on | or('soon') }}|{{ expires_on | default('soon') }}|{{ expires_on.strip() }}",
            "|soon|soon|",
        ),
        ("{% if expires_on %}yes{% else %}no{% endif %} {{ expires_on is defined }} {{ expires_on | int }}", "no false 0"),
        ("{{ profile['first_name'] }} {{ profile.first_name.upper() }} {{ profile.first_name | lower }}", "Ann ANN ann"),
        ("{{ profile.evil }}", "{{ 7 * 7 }}"),
        ("{{ profile.list }} {{ profile.list | join('+') }} {{ profile.list[1] }}", '["a", "b"] a+b b'),
        ("{{ trigger.pixel.none.deeper }}", ""),
        ("{% for lot in lots %}{{ lot.Amount }}{{ lot.description }}{{ lot.receipt_id }};{% endfor %}", "3a gift;4;"),
        ("{{ lots | sum(attribute='amount') }} {{ lots[1].amount }} {{ lots | length }} {{ lots[9].amount }}", "7 4 2 "),
        (
            "{% set total = namespace(of=0) %}{% for lot in lots %}{% set total.of = total.of + lot.amount %}{% endfor %}{{ total.of }}",
            "7",
        ),
        ("{% for p in loyalty_expiration_points('club', 'pts', 10, 0) %}!{% else %}none{% endfor %}", "none"),
        ("{% for p in loyalty_expiration_points(program='club', point_sid='pts', days=9) %}{{ p.amount }}{% endfor %}", "5"),
        ("{{ [3, 1, 2] | sort | join }} {{ 'a' ~ points }} {{ range(3) | list | length }}", "123 a80.00 3"),
        ("{{ lots | map(attribute='amount') }} {{ profile.list | reverse }} {{ range(3) }}", '["3", "4"] ["b", "a"] [0, 1, 2]'),
        (
            "{{ [lots | map(attribute='amount')] | tojson }} {{ 'a' ~ profile.list ~ true ~ none }}",
            '[["3", "4"]] a["a", "b"]true',
        ),
        ("{{ 'b' in profile.longer }} {{ profile.longer | length }}", "true 3000"),
        ("{{ 'a' if points > 1000 }}|{{ 'b' if points }}|{{ ('c' if false) | or('d') }}|{{ 'e' ~ ('f' if false) }}", "|b|d|e"),
        ("{{ [1 if false] }}{% set x = 'g' if false %}{{ x }}", '[""]'),
        ("{# not said #}a\nb", "a\nb"),
    ],
)
def test_what_a_template_says(text: str, made: str) -> None:
    assert said(text) == made


def test_what_is_asked_by_a_part_of_a_part_is_one_question() -> None:
    ann = Ann()
    Template("{{ trigger.pixel.attributes.city }} {{ profile.address['street'] }} {{ points }} {{ points }}").render(ann, "sms")
    assert ann.asked == ["trigger.pixel.attributes.city", "profile.address.street", "points"]


def test_nothing_is_asked_in_a_branch_that_is_not_taken() -> None:
    ann = Ann()
    template = Template("{% if points > 100 %}{{ profile.email }}{% endif %}{{ false and lots }}")
    assert template.render(ann, "sms").variables == {"points": "80.00"}
    assert ann.asked == ["points"]
    assert template.paths == {"points", "profile.email", "lots"}, "and yet it is known what may be asked"


def test_expiring_points_are_asked_for_with_their_bounds() -> None:
    ann = Ann()
    Template(
        "{{ loyalty_expiration_points('club', 'pts', '10') | length }}{{ loyalty_expiration_points('c', 'p', -1, 9999, 'desc') | list }}"
    ).render(ann, "sms")
    assert ann.asked == ["expiring club pts 10 1 asc", "expiring c p 0 100 desc"]


@pytest.mark.parametrize(
    "text",
    [
        "{{ points / 0 }}",
        "{{ points // (points - points) }}",
        "{{ profile.first_name + points }}",
        "{{ profile.first_name > points }}",
        "{{ 'x' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ points ** 10000 }}",
        "{% set n = namespace(x=2) %}{% for i in range(900) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(90) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(90) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(90) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(90) %}{% set n.x = n.x | replace('a', 'aa') %}{% endfor %}",
        "{{ '%99999999d' % 1 }}",
        "{{ '%*d' % (99999999, 1) }}",
        "{{ '%99999999d' | format(1) }}",
        "{{ 'x' | center(99999999) }}",
        "{{ 'x' | indent(99999999) }}",
        "{{ ('a ' * 900) | wordwrap(99999999) | replace(' ', 'x' * 900) }}",
        "{{ [1] | batch(99999999, 0) | list }}",
        "{{ range(99999999) | list }}",
        "{{ range(0, 1000, 1) | map('string') | map('replace', '', 'x' * 999) | join }}",
        "{% for a in range(40) %}{% for b in range(40) %}{% endfor %}{% endfor %}",
        "{% for a in range(9) %}{{ profile.long }}{% endfor %}",
        "{{ profile.long }}{{ profile.long }}",
        "{% set x = [1] * 1000 %}{% set x = [x] * 1000 %}{% set x = [x] * 1000 %}{{ x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x == [n.x] }}",
        "{% set n = namespace(x=1) %}{% for i in range(90) %}{% set n.x = {'a': n.x, 'b': n.x}.values() %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=1) %}{% for i in range(90) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ n.x | string | length }}",
        "{{ ['x' * 16000] * 1000 }}",
        "{{ (((points ** 64) ** 64) ** 30) | int }}",
        "{% for i in range(1000) %}" + "{% set b = ('a ' * 8000) | wordcount %}" * 90 + "{% endfor %}",
        "{% set a = [[1] * 900] * 4 %}{% for i in range(1000) %}{% if a == a %}{% endif %}{% endfor %}",
        "{% for i in range(1000) %}{% if loyalty_expiration_points('club', 'pts', i) %}{% endif %}{% endfor %}",
        "{{ loyalty_expiration_points('club', 'pts', 'soon', 1) }}",
        "{{ profile.first_name.format(1) }}",
        "{{ profile.first_name | map('random') | list }}",
        "{{ ''.join(['a']) }}",
        "{{ points.sqrt() }}",
        "{{ range }}",
        "{{ ('a' ~ 'b').upper }}",
        "{% for lot in lots %}{{ loop }}{% endfor %}",
        "{{ (profile.list).append('c') }}",
        "{{ profile.first_name | attr('__class__') | string | attr('__mro__') }}{{ (profile.first_name | attr('__class__'))() }}",
    ],
)
def test_what_goes_too_far_fails_and_says_nothing_of_the_person(text: str) -> None:
    with pytest.raises(TemplateFailedError) as failed:
        said(text)
    assert "Ann" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_lots_are_asked_for_once_however_often_a_loop_speaks_of_them() -> None:
    ann = Ann()
    Template("{% for i in range(500) %}{{ lots | length }}{% endfor %}").render(ann, "sms")
    assert ann.asked == ["lots"]


def test_a_text_may_have_sixteen_kib_and_no_more() -> None:
    piece = "{{ '0123456789abcdef' * 64 }}"
    assert len(said(piece * 16)) == TEXT_MAX
    with pytest.raises(TemplateFailedError):
        said(piece * 16 + "!")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ pionts }}", "points"),
        ("{{ points | uper }}", "upper"),
        ("{{ points is evn }}", "even"),
        ("{{ balance.actve }}", "active"),
        ("{{ tier.name.first }}", "name.first"),
        ("{{ entry.pionts }}", "points"),
        ("{{ entry.points.whole }}", "entry has no points.whole"),
        ("{% for p in loyalty_expiration_points('club', 'pts', 10) %}{{ p.Amuont }}{% endfor %}", "amount"),
        ("{% for lot in lots | sort(attribute='amount') %}{{ lot['expiry'] }}{% endfor %}", "a lot has no expiry"),
        ("{{ lots[0].expires }}", "expires_on"),
        ("{{ (lots | first).balance }} {{ lots[:2][1].nothing }}", "a lot has no balance"),
        ("{{ points.active }}", "points has no active"),
        ("{{ profile }}", "profile.first_name"),
        ("{% for field in profile %}{% endfor %}", "profile.first_name"),
        ("{{ trigger }}", "trigger.milestone"),
        ("{{ loyalty_expiration_points }}", "call"),
        ("{{ loyalty_expiration_points.amount }}", "call"),
        ("{{ loyalty_expiration_points('club') }}", "(program, point, days, limit, order)"),
        ("{{ loyalty_expiration_points('club', 'pts', 10, 1, 'desc', 2) }}", "(program, point, days, limit, order)"),
        ("{{ loyalty_expiration_points('club', 'pts', 10, days=9) }}", "(program, point, days, limit, order)"),
        ("{{ loyalty_expiration_points('club', 'pts', 10, point_sid='pts') }}", "(program, point, days, limit, order)"),
        ("{{ loyalty_expiration_points('club', 'pts', 10, order='down') }}", '"asc" or "desc"'),
        ("{% for points in lots %}{% endfor %}", "another meaning to points"),
        ("{% set _use = 1 %}", "another meaning to _use"),
        ("{% include 'a' %}", "stand alone"),
        ("{% import 'a' as a %}", "stand alone"),
        ("{% extends 'a' %}", "stand alone"),
        ("{% block a %}{% endblock %}", "stand alone"),
        ("{% macro a() %}{% endmacro %}", "stand alone"),
        ("{% autoescape false %}{% endautoescape %}", "stand alone"),
        ("{% for a in lots recursive %}{% endfor %}", "calls itself"),
        ("{{ points.__init__ }}", "__init__"),
        ("{{ lipsum() }}{{ [1] | random }}", "random"),
        ("{{ profile.first_name | safe }}", "safe"),
        ("{{ self }}", "none is called self"),
        ("{% for %}", "Jinja"),
        ("{{ 'a' | _bounded }}", "_bounded"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_beforehand(text: str, told: str) -> None:
    assert told in " ".join(faults_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "{% for p in lots %}{{ p.amount }}{% endfor %}{% for p in profile.children %}{{ p.name }}{% endfor %}",
        "{% set p = profile.address %}{{ p.city }}{% for p in lots %}{{ p.AMOUNT }}{% endfor %}",
        "{% for lot in lots %}{{ loop.index }}{{ lot.amount.bit_length }}{% endfor %}{{ lots | map(attribute='amount') | first }}",
    ],
)
def test_what_may_be_no_lot_is_left_alone(text: str) -> None:
    assert [*faults_of(text)] == []


def test_a_fault_of_a_longer_template_names_its_line() -> None:
    assert [*faults_of("Hello\n{{ points }}\n{{ pionts }}")] == [
        "must use variables that there are; none is called pionts; did you mean points?, in its line 3"
    ]


def test_an_error_of_those_who_know_is_not_the_templates_fault() -> None:
    class Broken(Ann):
        def fact(self, variable: str, part: str) -> Any:
            raise LookupError("the disk")

    with pytest.raises(LookupError, match="the disk"):
        Template("{{ points }}").render(Broken(), "sms")


@pytest.mark.parametrize("channel", ["email", "e-mail", "mail"])
def test_values_are_escaped_in_an_e_mail(channel: str) -> None:
    class Evil(Ann):
        def fact(self, variable: str, part: str) -> Any:
            return "<a href='x'>"

    rendered = Template("<b>{{ profile.x }}</b>{{ profile.x | upper }}{{ profile.x ~ '<' }}").render(Evil(), channel)
    assert rendered.text == "<b>&lt;a href=&#39;x&#39;&gt;</b>&lt;A HREF=&#39;X&#39;&gt;&lt;a href=&#39;x&#39;&gt;&lt;"
    assert rendered.variables == {"profile.x": "<a href='x'>"}
