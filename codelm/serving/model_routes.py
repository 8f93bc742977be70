"""The routes that tell which model is served, and that the server lives."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from codelm.serving.generation_request import Defaults, refuse_other_model
from codelm.serving.request_errors import RequestError, error_response
from codelm.serving.responses import model_list, model_object

__all__ = ["model_routes"]


def model_routes(model: str, defaults: Defaults) -> list[Route]:
    """Return the routes.

    Args:
        model: The name of the model.
        defaults: What holds where a request does not say, with all its names.
    """
    created = int(time.time())

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def models(request: Request) -> Response:
        return JSONResponse(model_list(model, created))

    async def one_model(request: Request) -> Response:
        try:
            refuse_other_model(request.path_params["name"], defaults)
        except RequestError as error:
            return error_response(error)
        return JSONResponse(model_object(model, created))

    routes = [Route("/health", health)]
    for path in ("/v1/models", "/models"):
        # A name may have a slash in it.
        routes += [Route(path, models), Route(f"{path}/", models), Route(f"{path}/{{name:path}}", one_model)]
    return routes
