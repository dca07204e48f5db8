"""`pointstream schema`: the JSON Schema of a record or of the program file, and all topics as AsyncAPI, for editors, feeds and other tools."""

import json

import click

from streams.errors import DONE, WrongUsage


@click.command(short_help="The JSON Schema of a record or the program file.")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """Print the JSON Schema of NAME: `program`, a kind of input record, or an output topic. Without a NAME, list them.

    `asyncapi` is no schema but a document of all topics and what lies in each, for whoever feeds the stream or follows it.
    """
    from streams.cli.record_schemas import NAMES, record_schema

    if name is None:
        click.echo("program               the program file")
        click.echo("asyncapi              all topics and their records (AsyncAPI 3.0)")
        for known, (about, _) in NAMES.items():
            click.echo(f"{known:<22}{about}")
        return DONE
    if name == "program":
        from schemas.json_schema import published

        click.echo(published().decode().rstrip("\n"))
        return DONE
    if name == "asyncapi":
        from streams.cli.asyncapi import encoded

        click.echo(encoded().decode().rstrip("\n"))
        return DONE
    if name not in NAMES:
        raise WrongUsage(f"there is no schema {name!r}; there are program, asyncapi, {', '.join(NAMES)}")
    click.echo(json.dumps(record_schema(name), indent=2, ensure_ascii=False))
    return DONE
