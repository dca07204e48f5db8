"""What is on the dashboard, row by row, in the order in which one looks when something is wrong.

Is all well, does it keep up, what comes and goes, timers, points and what they are worth, state and group, the auditor. Every query is
about the job that is chosen above. `build.py` makes JSON of it.
"""

from typing import NamedTuple

JOB = 'job=~"$job"'


class Query(NamedTuple):
    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """`told` is what one should know to read it. `width` of 24."""

    title: str
    told: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    kind: str = "timeseries"
    stacked: bool = False
    red_above: float | None = None


def rate(metric: str, by: str, matches: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{JOB}{matches}}}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{by}) (rate({metric}_bucket{{{JOB}}}[$__rate_interval])))"


def stat(title: str, told: str, unit: str, expr: str, red_above: float | None = None) -> Panel:
    return Panel(title, told, unit, (Query(expr),), 4, "stat", red_above=red_above)


ROWS: dict[str, tuple[Panel, ...]] = {
    "Is all well": (
        stat("Workers ready", "Of those that answer.", "short", f"sum(pointstream_ready{{{JOB}}})"),
        stat(
            "Partitions open",
            "Over all workers. How many nobody has stands in *The group*.",
            "short",
            f"sum(pointstream_partitions{{{JOB}}})",
        ),
        stat("Oldest record waiting", "0: all that has come is applied.", "s", f"max(pointstream_lag_seconds{{{JOB}}})", 60),
        stat(
            "Timers behind",
            "Activations, expiries and reviews wait for the records before them.",
            "s",
            f"max(pointstream_tick_delay_seconds{{{JOB}}})",
            300,
        ),
        stat(
            "Stopped profiles", "Their records wait: see the runbook.", "short", f"sum(pointstream_stopped_profiles{{{JOB}}})", 1
        ),
        stat(
            "Audit violations",
            "Entries by which the books do not hold. Anything above 0 wants a person.",
            "short",
            "sum(pointstream_audit_violations_total)",
            1,
        ),
    ),
    "Does it keep up": (
        Panel(
            "From arrival to commit",
            "The objective: 99.9 % within 5 s over 30 days.",
            "s",
            tuple(
                Query(quantile(share, "pointstream_commit_delay_seconds"), f"p{share * 100:g}") for share in (0.5, 0.99, 0.999)
            ),
        ),
        Panel(
            "Budget of the objective that is used up",
            "1: at this rate the budget of 30 days lasts 30 days. 14.4 pages at once.",
            "short",
            tuple(
                Query(f"job:pointstream_commit_delay_over_5s:ratio_rate{window}{{{JOB}}} / 0.001", window)
                for window in ("5m", "1h", "6h", "3d")
            ),
        ),
        Panel(
            "Lag",
            "By input, over all partitions.",
            "short",
            (Query(f"job_topic:pointstream_lag_records:sum{{{JOB}}}", "{{topic}}"),),
        ),
        Panel(
            "Oldest record waiting",
            "By partition.",
            "s",
            (Query(f"max by (partition) (pointstream_lag_seconds{{{JOB}}})", "{{partition}}"),),
        ),
        Panel(
            "Cycles",
            "How long a commit takes; a cycle that fails is done again.",
            "s",
            (
                Query(quantile(0.5, "pointstream_cycle_seconds"), "p50"),
                Query(quantile(0.99, "pointstream_cycle_seconds"), "p99"),
                Query(
                    f"time() - max by (instance) (pointstream_last_commit_timestamp_seconds{{{JOB}}} > 0)",
                    "since the last, {{instance}}",
                ),
            ),
        ),
        Panel(
            "Records in a cycle, and cycles that failed",
            "",
            "short",
            (
                Query(quantile(0.5, "pointstream_cycle_records"), "p50"),
                Query(quantile(0.99, "pointstream_cycle_records"), "p99"),
                Query(rate("pointstream_cycles_failed_total", "instance"), "failed a second, {{instance}}"),
            ),
        ),
    ),
    "What comes and goes": (
        Panel("Records by input", "", "reqps", (Query(rate("pointstream_records_total", "topic"), "{{topic}}"),), stacked=True),
        Panel(
            "Records by outcome", "", "reqps", (Query(rate("pointstream_records_total", "outcome"), "{{outcome}}"),), stacked=True
        ),
        Panel(
            "Dead letters by reason",
            "What each reason means: docs/dead-letters.md.",
            "reqps",
            (
                Query(rate("pointstream_dead_letters_total", "reason") + " > 0", "{{reason}}"),
                Query(rate("pointstream_inconsistent_totals_total", "job"), "totals that do not fit (they count)"),
            ),
        ),
        Panel(
            "Records sent",
            "",
            "reqps",
            (Query(rate("pointstream_published_records_total", "topic"), "{{topic}}"),),
            12,
            stacked=True,
        ),
        Panel(
            "What became of records that had waited",
            "",
            "reqps",
            (Query(rate("pointstream_parked_records_total", "outcome"), "{{outcome}}"),),
            12,
        ),
    ),
    "Timers": (
        Panel(
            "Timers behind the clock",
            "By partition.",
            "s",
            (Query(f"max by (partition) (pointstream_tick_delay_seconds{{{JOB}}})", "{{partition}}"),),
        ),
        Panel(
            "Overdue",
            "Profiles with something due that has not happened, and for how long; counted up to 1,000 a partition.",
            "short",
            (
                Query(f"sum(pointstream_overdue_timers{{{JOB}}})", "profiles"),
                Query(f"max(pointstream_overdue_timer_seconds{{{JOB}}})", "seconds of the oldest"),
            ),
        ),
        Panel(
            "Profiles by when something is due",
            "By the last sweep.",
            "short",
            (Query(f"sum by (due) (pointstream_timers{{{JOB}}})", "{{due}}"),),
            stacked=True,
        ),
    ),
    "Points and what they are worth": (
        Panel(
            "Points by type of entry",
            "",
            "short",
            (
                Query(
                    rate("pointstream_points_total", "program, point, type, direction"),
                    "{{program}} {{point}} {{type}} {{direction}}",
                ),
            ),
            12,
        ),
        Panel("Entries", "", "short", (Query(rate("pointstream_entries_total", "type"), "{{type}}"),), 6),
        Panel(
            "Withheld by limits",
            "",
            "short",
            (Query(rate("pointstream_withheld_points_total", "program, point"), "{{program}} {{point}}"),),
            6,
        ),
        Panel(
            "Scenarios",
            "Profiles that entered, and what became of them and of those who did not.",
            "short",
            (Query(rate("pointstream_scenarios_total", "program, scenario, what"), "{{program}} {{scenario}} {{what}}"),),
            6,
        ),
        Panel(
            "Promotions",
            "What scenarios and referrals were to give or take, by what became of it.",
            "short",
            (Query(rate("pointstream_promotions_total", "promotion, outcome"), "{{promotion}} {{outcome}}"),),
            6,
        ),
        Panel(
            "Asked across profiles",
            "Places, budgets, codes and referrals, by the answer.",
            "short",
            (
                Query(rate("pointstream_grants_total", "of, outcome"), "{{of}} {{outcome}}"),
                Query(rate("pointstream_referrals_total", "outcome"), "referral {{outcome}}"),
            ),
            6,
        ),
        Panel(
            "Notifications",
            "What scenarios and reminders had to tell, by what became of it.",
            "short",
            (Query(rate("pointstream_notifications_total", "program, fate"), "{{program}} {{fate}}"),),
            6,
        ),
        Panel(
            "Outstanding points by when they expire",
            "As old as the sweep.",
            "short",
            (
                Query(
                    f"sum by (program, point, expires) (pointstream_outstanding_points{{{JOB}}})",
                    "{{program}} {{point}} {{expires}}",
                ),
            ),
            12,
            stacked=True,
        ),
        Panel(
            "What they are worth",
            "By the ratio of the point type; those without one are not in it.",
            "short",
            (
                Query(
                    f"sum by (program, currency, expires) (pointstream_outstanding_money{{{JOB}}})",
                    "{{program}} {{currency}} {{expires}}",
                ),
            ),
            12,
            stacked=True,
        ),
        Panel(
            "Debt",
            "Points that profiles owe after returns.",
            "short",
            (Query(f"sum by (program, point) (pointstream_debt_points{{{JOB}}})", "{{program}} {{point}}"),),
        ),
        Panel("Profiles", "", "short", (Query(f"sum(pointstream_profiles{{{JOB}}})", "profiles"),)),
        Panel(
            "How old the sums are",
            "Whole only where the partitions that were swept are all that are open.",
            "s",
            (
                Query(f"max by (instance) (pointstream_sweep_age_seconds{{{JOB}}})", "age, {{instance}}"),
                Query(
                    f"sum(pointstream_partitions{{{JOB}}}) - sum(pointstream_swept_partitions{{{JOB}}})",
                    "partitions not swept yet",
                ),
            ),
        ),
    ),
    "State, recovery and the group": (
        Panel(
            "State",
            "On disk and in write buffers.",
            "bytes",
            (Query(f"sum by (instance) (pointstream_state_bytes{{{JOB}}})", "{{instance}}"),),
        ),
        Panel(
            "States",
            "Profiles, receipts and all else that is remembered.",
            "short",
            (Query(f"sum by (instance) (pointstream_states{{{JOB}}})", "{{instance}}"),),
        ),
        Panel(
            "Reads of a profile from the cache",
            "The rest asks RocksDB.",
            "percentunit",
            (Query(f"job:pointstream_profile_reads_cached:ratio_rate5m{{{JOB}}}", "{{job}}"),),
        ),
        Panel(
            "Recovery",
            "Changelog offsets still to replay, and partitions that cannot be continued: see the runbook.",
            "short",
            (
                Query(f"sum by (instance) (pointstream_recovery_remaining_records{{{JOB}}})", "left, {{instance}}"),
                Query(rate("pointstream_recovery_records_total", "instance"), "replayed a second, {{instance}}"),
                Query(f"sum by (partition) (pointstream_poisoned_partitions{{{JOB}}})", "left alone: partition {{partition}}"),
            ),
        ),
        Panel(
            "How long a recovery takes",
            "",
            "s",
            (
                Query(quantile(0.5, "pointstream_recovery_seconds"), "p50"),
                Query(quantile(1.0, "pointstream_recovery_seconds"), "longest"),
            ),
        ),
        Panel(
            "Warm copies",
            "What taking over would have to replay. Fewer copies than partitions times `--standby-replicas`: some are not kept.",
            "short",
            (
                Query(f"sum(pointstream_standby_partitions{{{JOB}}})", "copies"),
                Query(f"max by (instance) (pointstream_standby_lag_records{{{JOB}}})", "offsets behind at most, {{instance}}"),
            ),
        ),
        Panel(
            "The group",
            "Changes of partitions, fences, ends by themselves, stops and releases of profiles.",
            "short",
            (
                Query(f"sum by (kind) (increase(pointstream_rebalances_total{{{JOB}}}[$__rate_interval]))", "{{kind}}"),
                Query(
                    f"max(pointstream_topic_partitions{{{JOB}}}) - sum(pointstream_partitions{{{JOB}}})",
                    "partitions not open anywhere",
                ),
                Query(f"sum(increase(pointstream_fenced_total{{{JOB}}}[$__rate_interval]))", "fenced"),
                Query(
                    f"sum by (instance, why) (increase(pointstream_worker_ends_total{{{JOB}}}[$__rate_interval])) > 0",
                    "ended: {{why}}, {{instance}}",
                ),
                Query(f"sum(increase(pointstream_profiles_stopped_total{{{JOB}}}[$__rate_interval]))", "profiles stopped"),
                Query(f"sum(increase(pointstream_profiles_released_total{{{JOB}}}[$__rate_interval]))", "profiles released"),
            ),
        ),
        Panel("Memory", "Resident.", "bytes", (Query(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),)),
        Panel(
            "Processor",
            "Cores in use; one is all that a process can use of Python.",
            "short",
            (Query(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),),
        ),
        Panel(
            "What runs",
            "And how many records of the topic programs do not count: see the runbook.",
            "short",
            (
                Query(f"pointstream_build_info{{{JOB}}}", "{{instance}} {{version}}"),
                Query(f"pointstream_program_info{{{JOB}}}", "{{program}} from {{effective_from}} ({{status}})"),
                Query(f"pointstream_program_records_passed_over{{{JOB}}}", "passed over, {{instance}}"),
                Query(f"pointstream_programs_refused{{{JOB}}} > 0", "does not go by what was published last: {{instance}}"),
            ),
        ),
    ),
    "The auditor": (
        Panel(
            "Entries checked",
            "",
            "reqps",
            (
                Query("sum(rate(pointstream_audit_entries_total[$__rate_interval]))", "checked"),
                Query("sum(rate(pointstream_audit_repeated_total[$__rate_interval]))", "told again"),
            ),
        ),
        Panel(
            "Behind",
            "",
            "short",
            (
                Query("sum by (partition) (pointstream_audit_lag_records)", "{{partition}}"),
                Query("max(pointstream_audit_lag_seconds)", "seconds"),
            ),
        ),
        Panel("Position", "", "short", (Query("sum by (partition) (pointstream_audit_position)", "{{partition}}"),)),
    ),
}
"""Row: its panels, from left to right."""
