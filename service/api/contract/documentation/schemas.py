"""Makes schemas of the OpenAPI document of marshmallow's."""

import inspect
from typing import Any

import marshmallow
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter


class DescribingConverter(OpenAPIConverter):
    """Describes a schema by its class's docstring; apispec's own way to describe leaves out `additionalProperties`."""

    def schema2jsonschema(self, schema: marshmallow.Schema) -> dict[str, Any]:
        document: dict[str, Any] = super().schema2jsonschema(schema)
        described = type(schema).__doc__
        return document | ({"description": inspect.cleandoc(described)} if described else {})


class DescribingPlugin(MarshmallowPlugin):
    """apispec's plugin, with descriptions."""

    Converter = DescribingConverter
