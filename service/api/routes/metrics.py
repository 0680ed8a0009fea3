"""`/metrics`, as it is documented: the front answers it."""

from typing import Any, NoReturn

from service.api.contract.blueprint import TEXT, DocumentedBlueprint
from service.api.contract.front_operations import never_called
from service.api.http.links import METRICS
from service.api.http.media_types import OPENMETRICS, PLAIN

blueprint = DocumentedBlueprint("metrics", __name__, description="Metrics for Prometheus.")


@blueprint.get(METRICS)
@blueprint.alt_response(200, schema=TEXT, content_type=PLAIN)
@blueprint.alt_response(200, schema=TEXT, content_type=OPENMETRICS)
def get_service_metrics(*_: Any, **__: Any) -> NoReturn:
    """Get the metrics of the service.

    The format is Prometheus text 0.0.4, or OpenMetrics 1.0 if `Accept` prefers it. Counters are sums over all api
    processes since the api started. While the database is unavailable, `fitserve_database_up` is 0, and the metrics of
    jobs and workers are missing. TensorFlow Serving's path `/monitoring/prometheus/metrics` has the same metrics.
    """
    never_called()
