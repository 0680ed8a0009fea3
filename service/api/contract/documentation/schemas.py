"""Converts marshmallow schemas to schemas of the OpenAPI document."""

import inspect
from typing import Any

import marshmallow
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from service.api.contract.schemas.base import AnswerSchema


class DescribingConverter(OpenAPIConverter):
    """Describes each schema by its class's docstring. apispec's own descriptions would drop `additionalProperties`."""

    def schema2jsonschema(self, schema: marshmallow.Schema) -> dict[str, Any]:
        """The schema of an object, or of a choice between several."""
        if isinstance(schema, AnswerSchema) and schema.variants:
            document = self._choose_from(schema)
        else:
            document = super().schema2jsonschema(schema)
        if isinstance(schema, AnswerSchema) and schema.additional is not None:
            document["additionalProperties"] = schema.additional
        described = type(schema).__doc__
        return document | ({"description": inspect.cleandoc(described)} if described else {})

    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """The schema of a field, with the schema of its keys, which apispec omits."""
        document: dict[str, Any] = super().field2property(field)
        names = {"propertyNames": field.metadata["propertyNames"]} if "propertyNames" in field.metadata else {}
        component = getattr(field, "component", None)
        return document | names if component is None else self._refer(component, document | names, field.allow_none)

    def _refer(self, component: str, document: dict[str, Any], nullable: bool) -> dict[str, Any]:
        """A reference to a field's schema as a component."""
        if component not in self.spec.components.schemas:
            self.spec.components.schema(component, document | ({"type": "object"} if nullable else {}))
        reference = {"$ref": f"#/components/schemas/{component}"}
        return {"anyOf": [reference, {"type": "null"}]} if nullable else reference

    def _choose_from(self, schema: AnswerSchema) -> dict[str, Any]:
        references = [self.resolve_nested_schema(variant) for variant in schema.variants]
        if schema.discriminator is None:
            return {"anyOf" if schema.overlapping else "oneOf": references}
        values = [variant().fields[schema.discriminator].metadata["enum"][0] for variant in schema.variants]
        mapping = {value: reference["$ref"] for value, reference in zip(values, references, strict=True)}
        return {"oneOf": references, "discriminator": {"propertyName": schema.discriminator, "mapping": mapping}}


class DescribingPlugin(MarshmallowPlugin):
    """apispec's plugin, with descriptions."""

    Converter = DescribingConverter
