"""`sr-tf serve`: arguments, help and action."""

import argparse
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.disk.cores import usable_cores
from sr_tf.errors import install_extra


def add_commands(commands: Commands) -> None:
    """Adds `serve`."""
    command = add_command(
        commands,
        "serve",
        _serve,
        "serve an exported generator by TF Serving's protocol, on Ray Serve",
        "Serves the newest version in EXPORT to clients of TF Serving, by gRPC and REST, until it is stopped. Needs "
        f"the extra `ray`: {install_extra('ray')}. There is no password. Ray opens the gRPC port on all "
        "interfaces; only this machine is answered there, unless --expose is given: use that behind a firewall. If "
        "RAY_ADDRESS is set, it joins that cluster; RAY_AUTH_MODE=token sends the token that the cluster requires.",
        "sr-tf serve export/small --replicas 2",
    )
    command.add_argument("export", type=Path, metavar="EXPORT", help="a folder that `sr-tf export` wrote")
    command.add_argument(
        "--grpc-port", type=arguments.positive, default=8500, metavar="PORT", help="gRPC port (default 8500)"
    )
    command.add_argument(
        "--http-port", type=arguments.positive, default=8501, metavar="PORT", help="REST port (default 8501)"
    )
    command.add_argument(
        "--http-host", default="127.0.0.1", metavar="ADDRESS", help="address of the REST port (default 127.0.0.1)"
    )
    command.add_argument(
        "--expose", action="store_true", help="answer gRPC clients on other machines too, without a password"
    )
    command.add_argument(
        "--replicas",
        type=arguments.positive,
        default=1,
        metavar="N",
        help="number of processes that restore images (default 1)",
    )
    command.add_argument(
        "--max-replicas", type=arguments.positive, metavar="N",
        help="while requests wait, Ray adds replicas up to this number (default: --replicas)",
    )  # fmt: skip
    command.add_argument(
        "--threads", type=arguments.positive, metavar="N",
        help="CPU cores of each replica (default: the usable cores, shared among the replicas)",
    )  # fmt: skip


def _serve(options: argparse.Namespace) -> None:
    from sr_tf.serving.ray_app import ServeOptions, serve_forever

    most = max(options.replicas, options.max_replicas or 0)
    threads = options.threads or max(1, usable_cores() // most)
    serve_forever(
        ServeOptions(
            folder=options.export,
            grpc_port=options.grpc_port,
            http_host=options.http_host,
            http_port=options.http_port,
            replicas=options.replicas,
            max_replicas=most,
            threads=threads,
            expose=options.expose,
        )
    )
