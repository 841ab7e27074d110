"""`zeroov serve`: a web page and an HTTP interface."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import Device, RecipeName, Set, Zoom


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: every one of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A host name to be asked by; may be given several times."),
    ] = None,
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Zoom = False,
    most_mib: Annotated[int, typer.Option("--max-mib", min=1, help="Largest image taken, in MiB.")] = 256,
    most_mpixels: Annotated[
        int, typer.Option("--max-mpixels", min=1, help="Largest image taken, in millions of pixels.")
    ] = 1000,
    device: Device = "auto",
) -> None:
    """Serve a page to ask by hand, and POST /ground to ask by program; one request is computed at a time.

    Ctrl-C ends it: a picture in hand is still answered, a search is not. A second one stops at once.

    Example: zeroov serve, then: curl --data-binary @photo.jpg 'http://127.0.0.1:8000/ground?expression=the+white+plane'
    """
    chosen = options.chosen(recipe, set_, zoom)
    from zeroov.ground import Pipeline
    from zeroov.serve.handler import Handler
    from zeroov.serve.server import MIB, MPIXELS, Server

    pipeline = Pipeline(chosen, device)  # a second Ctrl-C does not close it: that would wait for the question in hand
    pipeline.models.locate_all()  # an error for a missing model, before anything is opened
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # from here on there is a folder to be removed
    with Server(
        pipeline,
        host,
        port,
        handler=Handler,
        names=allow_host or (),
        most_bytes=most_mib * MIB,
        most_pixels=most_mpixels * MPIXELS,
        log_line=lambda line: options.note(options.plain(line)),
    ) as server:
        if chosen.runtime.keep_loaded:
            pipeline.warm_up()
        server.server_activate()
        options.say(f"serving   {server.url} (recipe {chosen.name}, {pipeline.device}); Ctrl-C ends it")
        if not server.is_local:
            options.note("anyone who reaches this address can ask: there is neither a password nor encryption")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            options.note("stopping; Ctrl-C again stops at once")
            server.finish()
            pipeline.close()  # no question is in hand any more
