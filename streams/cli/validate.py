"""`pointstream validate`: is this program file right, and what does it say? 0 it is, 2 it is not."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.errors import DONE, WRONG_USAGE
from streams.settings import Named, setting

if TYPE_CHECKING:
    from schemas.program import Catalog, PointType, Program


@click.command(short_help="Check program files, and say what they do.")
@click.argument("paths", nargs=-1, required=True, type=Named(what="a file or folder", path_type=Path), metavar="FILE|DIR...")
@setting("--json", "as_json", is_flag=True, help="Print faults, warnings and what is not in force for a machine.")
def command(paths: tuple[Path, ...], as_json: bool) -> int:
    """Check program files: every fault at once, by file, line and path; then what the programs say.

    Files of one program are its versions and are checked against each other. Ends with 0 or, where a file is wrong, with 2.
    """
    from schemas.program_faults import ProgramFileError
    from schemas.program_file import load_catalog
    from streams.programs import not_in_force

    try:
        catalog = load_catalog(paths)
    except ProgramFileError as error:
        if as_json:
            _print_json([fault._asdict() for fault in error.faults], [], [], [])
        for fault in error.faults:
            click.echo(fault, err=True)
        count = len(error.faults)
        click.echo(f"pointstream: validate: {count} {'fault' if count == 1 else 'faults'}; the files are refused", err=True)
        return WRONG_USAGE
    versions = [version for program in catalog.programs.values() for version in program]
    warned = [fault for version in versions for fault in version.warnings]
    later = not_in_force(catalog)
    if as_json:
        _print_json([], [fault._asdict() for fault in warned], later, [_for_machines(version) for version in versions])
        return DONE
    for warning in warned:
        click.secho(f"warning: {warning}", fg="yellow")
    _print(catalog)
    if later:
        click.secho(f"not in force yet: {', '.join(later)}", fg="yellow")
    return DONE


def _print_json(faults: list[Any], warnings: list[Any], later: list[str], programs: list[Any]) -> None:
    shown = {"faults": faults, "warnings": warnings, "not_in_force": later, "programs": programs}
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


def _for_machines(version: "Program") -> dict[str, Any]:
    from schemas.instants import format_instant

    return {
        "program": version.program,
        "effective_from": format_instant(version.effective_from),
        "timezone": version.timezone.key,
        "environment": version.environment,
        "status": version.status,
        "currency": version.currency,
        "applications": sorted(version.applications),
        "points": [point.sid for point in version.points],
        "tiers": [tier.name for tier in version.tiers.definitions],
        "earning": [rule.rule for rule in version.earning if rule.enabled],
        "promotions": list(version.campaigns.promotions),
        "segments": list(version.campaigns.segments),
        "scenarios": [scenario.scenario for scenario in version.campaigns.scenarios if scenario.enabled],
        "reminders": [reminder.reminder for reminder in version.campaigns.reminders],
    }


def _print(catalog: "Catalog") -> None:
    """What the programs do, in a few lines each."""
    from schemas.instants import format_instant

    for versions in catalog.programs.values():
        for version in versions:
            click.echo(
                f"{click.style(version.program, bold=True)}  {version.title}, from {format_instant(version.effective_from)}, "
                f"{version.environment}, {version.timezone.key}, {version.currency}"
            )
            click.echo(f"  receipts of   {', '.join(sorted(version.applications))}; members {_joining(version)}")
            for point in version.points:
                click.echo(f"  points        {_point(point)}")
            for rule in version.earning:
                if rule.enabled:
                    click.echo(f"  earning       {rule.rule} ({rule.point})")
            if version.tiers.definitions:
                click.echo(f"  tiers         {', '.join(tier.name for tier in version.tiers.definitions)}")
            for what in ("promotions", "segments", "scenarios", "reminders"):
                if names := _for_machines(version)[what]:
                    click.echo(f"  {what:<13} {', '.join(names)}")


def _joining(version: "Program") -> str:
    words = {
        "explicit": "join on request",
        "on-points-earned": "join with their first points",
        "on-points-activated": "join when their first points become active",
    }
    return words[version.membership.join]


def _point(point: "PointType") -> str:
    decimals = f"{point.scale} decimals" if point.scale else "whole points"
    return (
        f"{point.sid} ({point.name}), {decimals}, active {point.activation}, expiring {point.expiration}, returns {point.returns}"
    )
