"""What JSON Schema cannot say of our API."""

import schemathesis

# Where the sandbox, as a provider does, refuses by what a request means: a choice of a tool that is not there, a schema
# that nothing fulfils.
MEANINGFUL = {"tools", "tool_choice", "functions", "function_call", "response_format"}


def written_as_integers(value):
    """An integer is written as one, `2` and never `2.0`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [written_as_integers(item) for item in value]
    if isinstance(value, dict):
        return {key: written_as_integers(item) for key, item in value.items()}
    return value


@schemathesis.hook
def map_body(context, body):
    return written_as_integers(body)


@schemathesis.check
def well_formed_is_accepted(ctx, response, case):
    """A request that fits the document is not refused for its form."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 400:
        return
    # Whether an object fits with the others is nothing that its form can say.
    if case.path.startswith("/admin/"):
        return
    error = response.json()["error"]
    field = (error["param"] or "").split(".")[0].split("[")[0]
    if error["code"] == "invalid_value" and field in MEANINGFUL:
        return
    raise AssertionError(f"refused though it fits the document: {error}")
