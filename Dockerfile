# Two images: `docker build --target api .` (without TensorFlow) and `--target worker`; deploy/images/build builds both
# with Buildah. They store all data in /data, write nowhere else but to /keras and /tmp, and run as the same
# unprivileged user.

# Any image with Python 3.11 or newer, its venv module, and Debian's packages. The digest is that of all platforms.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON_IMAGE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
# Each package index of your own, and the certificates that its server needs.
ARG PIP_INDEX_URL
ARG PIP_CERT
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/fitserve
COPY deploy/images/install-packages /usr/local/bin/

FROM build AS code
WORKDIR /app
COPY fitserve_client fitserve_client
COPY models models
COPY service service
COPY deploy/images/fitserve bin/
# The same content and modes wherever the image is built.
RUN PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash fitserve_client models service \
    && chmod --recursive u=rwX,go=rX . \
    && chmod 0755 bin/fitserve

FROM ${PYTHON_IMAGE} AS base
RUN echo "fitserve:x:1000:1000::/tmp:/usr/sbin/nologin" >> /etc/passwd \
    && echo "fitserve:x:1000:" >> /etc/group \
    && install --directory --owner 1000 --group 1000 /data /keras
ENV PATH=/app/bin:/opt/fitserve/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    FITSERVE_DATA_DIR=/data \
    KERAS_HOME=/keras
WORKDIR /app
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="Fitserve"

FROM build AS api-packages
COPY requirements/api.lock /tmp/
RUN install-packages /tmp/api.lock numpy onnxruntime polars simdjson sqlalchemy uvloop zstandard

FROM base AS api
COPY --from=api-packages /opt/fitserve /opt/fitserve
COPY --from=code /app /app
USER 1000:1000
# A port on the container's loopback interface can't be published. Until the service has a key, whoever runs the image sets
# FITSERVE_ALLOW_ANONYMOUS.
ENV FITSERVE_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["fitserve", "health", "api"]
CMD ["fitserve", "api"]
ARG VERSION=0.1.0
ARG REVISION
LABEL org.opencontainers.image.title="fitserve-api" \
      org.opencontainers.image.description="Serves neural networks over HTTP; needs a fitserve-worker for training." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM build AS worker-packages
COPY requirements/worker.lock /tmp/
RUN install-packages /tmp/worker.lock \
    h5py keras numpy onnx onnxruntime onnxscript polars scipy.stats simdjson sklearn.datasets sqlalchemy uvloop zstandard

FROM base AS worker
COPY --from=worker-packages /opt/fitserve /opt/fitserve
COPY --from=code /app /app
USER 1000:1000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["fitserve", "health", "worker"]
CMD ["fitserve", "worker"]
ARG VERSION=0.1.0
ARG REVISION
LABEL org.opencontainers.image.title="fitserve-worker" \
      org.opencontainers.image.description="Trains neural networks for fitserve-api." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
