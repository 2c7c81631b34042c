import pytest


@pytest.fixture(scope="session")
def generator():
    from sr_tf.generators.load import load_generator

    return load_generator("small")


@pytest.fixture(scope="session")
def exported(generator, tmp_path_factory):
    """The folder of a servable named small with one version."""
    from sr_tf.serving.export import export

    return export(generator, tmp_path_factory.mktemp("export") / "small").parent


@pytest.fixture(scope="session")
def servable(exported):
    from sr_tf.serving.servable import Servable

    return Servable(exported)


@pytest.fixture(scope="session")
def targets(servable):
    """The addresses of a server that conforms to TF Serving's protocol, by scheme."""
    from model_servers import Models, Prediction, grpc_server, rest_server

    with grpc_server(Prediction(servable), Models(servable)) as over_grpc, rest_server(servable) as over_http:
        yield {"grpc": over_grpc, "http": over_http}
