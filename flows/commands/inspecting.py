"""`broll inspect`: what a picture says about how it was made, and the same picture made again."""

import click


@click.command()
@click.argument("picture", metavar="FILE.png")
@click.option("--redo", "target", metavar="OUT.png", default="", help="Draw it again from what it says into OUT.png.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def inspect(picture: str, target: str, as_json: bool) -> int:
    """Print how a picture of broll's was made; with --redo draw it again and say whether it is the same.

    Exit code 3 where the redrawn picture differs.
    """
    from flows.inspection import inspect_picture

    return inspect_picture(picture, target, as_json)
