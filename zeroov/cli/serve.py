"""`zeroov serve`: a web page and a REST interface."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from zeroov.cli import options
from zeroov.cli.options import RecipeName, Set, Zoom
from zeroov.errors import UsageError

KEY = "ZEROOV_KEY"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: every one of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A host name to be asked by; may be given several times."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", metavar="ORIGIN", help="Another site whose pages may ask, e.g. https://a.org."),
    ] = None,
    folder: Annotated[
        list[str] | None,
        typer.Option("--folder", metavar="[NAME=]PATH", help="A folder whose images clients may open; repeatable."),
    ] = None,
    is_open: Annotated[
        bool, typer.Option("--open", help=f"Let anyone who reaches the address ask, without a key in {KEY}.")
    ] = False,
    recipe: RecipeName = None,
    set_: Set = None,
    zoom: Zoom = False,
    most_mib: Annotated[int, typer.Option("--max-mib", min=1, help="Largest image taken, in MiB.")] = 256,
    most_mpixels: Annotated[
        int, typer.Option("--max-mpixels", min=1, help="Largest image taken, in millions of pixels.")
    ] = 1000,
    most_store: Annotated[
        int, typer.Option("--max-store-mib", min=1, help="Disk for images; those used longest ago go first, in MiB.")
    ] = 4096,
    most_queue: Annotated[int, typer.Option("--max-queue", min=1, help="Questions that may wait.")] = 64,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, mps; cuda:0,cuda:1: one worker each.")] = (
        "auto"
    ),
) -> None:
    """Serve a page to ask by hand, and a REST interface to ask by program (docs/serve.md).

    With a key in the environment variable ZEROOV_KEY every client has to send it. Ctrl-C ends the server: a picture in
    hand is still answered, a search ends with what it has found. A second one stops at once.

    Example: zeroov serve, then: curl --data-binary @photo.jpg 'http://127.0.0.1:8000/v1/ground?expression=the+white+plane'
    """
    chosen = options.chosen(recipe, set_, zoom)
    key = os.environ.get(KEY, "").strip()
    folders = folders_of(folder or [])
    origins = tuple(origin.lower().rstrip("/") for origin in allow_origin or ())
    if missing := [name for name in ("fastapi", "uvicorn", "python_multipart") if not find_spec(name)]:
        raise UsageError(f"the server needs {', '.join(missing)}; type `pip install 'zeroov[serve]'`")
    from zeroov.ground import Pipeline
    from zeroov.serve.server import Server, address_of, bound, is_loopback
    from zeroov.serve.service import MIB, MPIXELS, Access, Limits, Service

    with bound(host, port) as listener:
        local = is_loopback(listener)
        if not local and not key and not is_open:
            raise UsageError(
                f"`{host}` is reached from other machines, and no key is set; type `export {KEY}=$(openssl rand "
                "-hex 16)` first, or give --open to let anyone ask"
            )
        pipelines = [Pipeline(chosen, each) for each in options.listed(device) or ["auto"]]
        pipelines[0].models.locate_all()  # an error for a missing model, before anything is opened
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # from here on there is a folder to be removed
        access = Access(
            host=address_of(listener)[0],
            is_local=local,
            names=tuple(name.lower() for name in (host, *(allow_host or ()))),
            key=key,
            origins=origins,
            folders=folders,
        )
        limits = Limits(most_mib * MIB, most_mpixels * MPIXELS, most_store * MIB, most_queue)
        service = Service(pipelines, access, limits)
        try:
            if chosen.runtime.keep_loaded:
                for pipeline in pipelines:
                    pipeline.warm_up()
            server = Server(service, listener, lambda line: options.note(options.plain(line)))
            server.listen()  # before anyone reads the address
            options.say(f"serving   {server.url} (recipe {chosen.name}, {pipelines[0].device}); Ctrl-C ends it")
            if not local:
                options.note("the connection is not encrypted" if key else "anyone who reaches this address can ask")
            server.serve_until_stopped()
            options.note("stopped")
            if not server.force_exit:
                for pipeline in pipelines:  # no question is in hand any more
                    pipeline.close()
        finally:
            service.close()


def folders_of(given: list[str]) -> dict[str, Path]:
    """Return folders by the names that clients know them by."""
    folders: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        folder = Path(path if equals else text).expanduser()
        name = name if equals else folder.resolve().name
        if not folder.is_dir():
            raise UsageError(f"--folder {text}: `{folder}` is no folder; give NAME=PATH, or the path of a folder")
        if not name or set(name) & set(":/\\") or name in folders:
            raise UsageError(f"--folder {text}: `{name}` is no good name, or given twice; give NAME=PATH")
        folders[name] = folder
    return folders
