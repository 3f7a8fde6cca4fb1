"""`broll preview DIR`: the video with its illustrations cut in."""

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--style", type=click.Choice(["cutaway", "pip"]), default="cutaway", show_default=True,
              help="Pictures full screen, or in a corner.")  # fmt: skip
@click.option("--motion", is_flag=True, help="Let the pictures grow or shrink slowly.")
@click.option("--captions", is_flag=True, help="Burn the captions in.")
@click.option("--teaser", is_flag=True, help="Also write teaser.webp, a few seconds of it.")
@click.option("--video", default="", help="Where the video is, if it was moved.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else there.")
def preview(folder: str, style: str, motion: bool, captions: bool, teaser: bool, video: str, as_json: bool) -> int:
    """Write preview.mp4 into DIR: the video with its pictures at their places."""
    import json
    import time
    from dataclasses import replace
    from pathlib import Path

    from flows.cli import check_video
    from flows.report import format_seconds, show_progress
    from tasks.folder import reopen_folder
    from tasks.gallery import write_gallery
    from tasks.preview import Look, write_preview
    from tasks.teaser import write_teaser

    began = time.perf_counter()
    with reopen_folder(Path(folder)) as (place, found), show_progress(quiet=as_json) as (report, _):
        path = check_video(video) if video else found.video.path
        board = replace(found, video=replace(found.video, path=path))
        cut, note = write_preview(place, board, Look(style == "pip", motion, captions), report)
        made = [cut, write_teaser(place, board)] if teaser else [cut]
        write_gallery(place, found)  # which links to it
    seconds = time.perf_counter() - began
    if as_json:
        files = [str(file.absolute()) for file in made]
        ratio = round(board.video.duration / seconds, 2)
        click.echo(json.dumps({"files": files, "seconds": round(seconds, 2), "times real time": ratio, "note": note}))
        return 0
    if note:
        click.echo(f"broll: {note}", err=True)
    click.echo(f"{format_seconds(seconds)}, {board.video.duration / seconds:.1f} times real time", err=True)
    for file in made:
        click.echo(str(file.absolute()))
    return 0
