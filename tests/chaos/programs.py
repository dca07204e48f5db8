"""The programs of a run of chaos, which share the stream: what happens by them while the records go through two months.

`club` counts tills: holds, debt, tiers that are reviewed, and a segment that a rule asks for, also when a receipt is reckoned anew.
`online` counts the web shop: receipts claimed, codes, places and budgets, so that questions go from key to key while their partitions change
hands; runs that wake, reminders, birthdays and days of orders that fall due meanwhile, and segments that time alone changes.
"""

from typing import Final

from tests.kafka import everything

PROGRAMS: Final = {
    "club": everything.PROGRAMS["club"] + everything.FOND,
    "online": """\
program: online
timezone: UTC
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [web]
currency: EUR
receipts: claimed
points:
  - {sid: star, scale: 2, activation: 3 days, returns: pending-only, on_return: proportional, max_balance: "400"}
earning:
  - {rule: a-tenth, rate: {points: "0.1", per: "1.00"}}
  - {rule: spring, fixed: {points: "5", per: receipt}, code: SPRING}
codes: [{code: SPRING, uses: 400, per_profile: 5}]
promotions:
  - {promotion: gift, action: accrue, points: {min: "1", max: "50"}, expiration: 20 days, budget: {points: "5000", on_cap: truncate}}
  - {promotion: thanks, action: accrue, points: "10", budget: {points: "300"}}
  - {promotion: treat, action: accrue, points: {min: "1", max: "10"}, activation: immediately, expiration: 9 days}
referral: {promotion: thanks, final_after: 3 days, minimum: "5.00"}
segments:
  - {segment: regulars, where: {purchases.count: {within: 14 days, at_least: 2}}}
  - {segment: lookers, where: {days_since_last_visit: {at_most: 4}}}
  - {segment: losing, where: {points_expiring: {point: star, within: 4 days}}}
  - {segment: best, where: {all: [{segment: regulars}, {rfm.monetary: {at_least: 2}}, {not: {segment: losing}}]}}
rfm: {within: 30 days, recency: [5, 15], frequency: [1, 3], monetary: ["40", "100"]}
scenarios:
  - {scenario: first-order, trigger: receipt, steps: [{limit: 150}, {award: {promotion: gift, points: "20"}}, {notify: {channel: sms, template: told}}]}
  - scenario: looking-on
    trigger: {pixel: page_view}
    reentry: true
    steps: [{wait: 2 days}, {award: {promotion: gift, points: "3", once: looked}}, {wait: 5 days}, {notify: {channel: sms, template: told}}]
  - {scenario: dearer, trigger: {milestone: {point: star, at: ["30", "60"]}}, steps: [{award: {promotion: gift, points: "5"}}]}
  - scenario: birthday
    trigger: {date: profile.date_of_birth}
    reentry: true
    steps: [{award: {promotion: treat, points: "3"}}, {wait_until: 10:00}, {notify: {channel: sms, template: told}}]
  - {scenario: a-year, trigger: {date: profile.registered_at}, steps: [{award: {promotion: gift, points: "2"}}]}
  - {scenario: a-month, trigger: {every: 1 month}, reentry: true, steps: [{award: {promotion: treat, points: "1"}}]}
  - {scenario: april, trigger: {date: 2024-04-10}, audience: lookers, steps: [{award: {promotion: treat, points: "2"}}]}
  - {scenario: delivered, trigger: {date: receipt.attributes.delivery}, reentry: true, steps: [{award: {promotion: treat, points: "1"}}]}
  - {scenario: regular, trigger: {segment: regulars}, reentry: true, steps: [{award: {promotion: gift, points: "4"}}]}
  - {scenario: missed, trigger: {idle: {since: visit, for: 6 days}}, reentry: true, steps: [{in_segment: regulars}, {notify: {channel: sms, template: told}}]}
reminders:
  - {reminder: expiring, of: expiry, point: star, within: 3 days, at: "10:00", channel: sms, template: told}
templates: {told: '{{ profile.first_name | or("You") }}: {{ points }}'}
""",
}
AWARDED_BY_TIME: Final = ("birthday", "a-year", "a-month", "april", "delivered")
"""Scenarios of `online` that a date sets off, and that award something."""
