"""`sr-tf view`: opens a slide or a folder of slides and serves it until it is interrupted."""

import argparse
import contextlib
import ipaddress
import secrets
import socket
import threading
import webbrowser
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sr_tf.archive.container import is_archive
from sr_tf.errors import UserError, reason
from sr_tf.messages import tell
from sr_tf.viewer.app import make_app
from sr_tf.viewer.connections import CONNECTIONS, Connection
from sr_tf.viewer.folder import make_folder_app, slide_or_folder
from sr_tf.viewer.guard import HEAD_BYTES, Guard
from sr_tf.viewer.source import open_source

_LOOPBACK = "127.0.0.1"


def view(options: argparse.Namespace) -> None:
    """Serves a slide, or a folder of slides, until Ctrl-C.

    Args:
        options: the arguments of `sr-tf view`.

    Raises:
        UserError: the slide cannot be opened, or the server cannot listen on the address.
    """
    models, engine, shared = tuple(options.models), options.engine, options.allow_origin is not None
    if shared and options.host:
        raise UserError("--allow-origin: browsers do not send the token of --host to other sites, expected one of both")
    slide = slide_or_folder(options.slide)
    if slide.is_dir():
        for flag, value in (("--original", options.original), ("--serving", options.serving)):
            if value:
                raise UserError(f"{flag}: {slide} is a folder, expected an archive with this flag")
        _serve(
            make_folder_app(
                slide,
                options.workers,
                lambda path: open_source(path, None, None, _own(path, models), engine),
                shared,
            ),
            slide.resolve().name,
            options,
        )
        return
    with open_source(slide, options.original, options.serving, models, engine) as source:
        _serve(make_app(source, options.workers, open_to_sites=shared), source.path.name, options)


def _own(path: Path, models: tuple[str, ...]) -> tuple[str, ...]:
    """The generators of `--models`, which are for archives only."""
    return models if is_archive(path) else ()


def _serve(app: ASGIApp, name: str, options: argparse.Namespace) -> None:
    """Prints the address of an application and runs it until Ctrl-C."""
    with listening(options.host or _LOOPBACK, options.port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(24) if options.host else None
        address = f"http://{_shown_host(options.host)}:{port}/" + (f"?token={token}" if token else "")
        print(f"{name}: {address}", flush=True)
        tell("Press Ctrl-C to stop. Research use only, not a medical device.")
        if token:
            tell("The connection is not encrypted: anyone who reads the network traffic sees the slide and the token.")
        if not options.no_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            make_server(Guard(app, port, token, options.allow_origin)).run(sockets=[listener])


def make_server(app: Guard) -> uvicorn.Server:
    """A server that limits the size of requests and the number of connections."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        access_log=False,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """Opens a socket that listens on an address.

    Args:
        host: a host name or an IP address of this machine.
        port: a port; 0: any free one.

    Raises:
        UserError: the address does not exist, or another program listens on it.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise UserError(f"{host}:{port}: cannot listen on this address ({reason(error)})") from error


def _shown_host(host: str | None) -> str:
    if not host:
        return _LOOPBACK
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            return socket.gethostname()
        return f"[{host}]" if address.version == 6 else host
    return host
