# Two images: `docker build --target api .` (no TensorFlow in it) and `--target worker`.
# Both keep everything in /data and run as a user without privileges, the same in both.

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    FITSERVE_DATA_DIR=/data \
    KERAS_HOME=/keras
RUN useradd --uid 1000 --create-home fitserve \
    && install --directory --owner fitserve --group fitserve /data /keras
WORKDIR /app
STOPSIGNAL SIGTERM

FROM base AS worker
COPY requirements/worker.lock requirements/
RUN python -m pip install --require-hashes --no-deps --requirement requirements/worker.lock
COPY models models
COPY service service
RUN python -m compileall -q models service
USER fitserve
CMD ["python", "-m", "service", "worker"]

FROM base AS api
COPY requirements/api.lock requirements/
RUN python -m pip install --require-hashes --no-deps --requirement requirements/api.lock
COPY models models
COPY service service
RUN python -m compileall -q models service
USER fitserve
# A container's own loopback can't be published. FITSERVE_ALLOW_ANONYMOUS is left to who runs it.
ENV FITSERVE_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:${FITSERVE_PORT:-8000}/healthz', timeout=4)"
CMD ["python", "-m", "service", "api"]
