# Two images: `docker build --target api .` (without TensorFlow) and `--target worker`.
# Both store all data in /data and run as the same unprivileged user.

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
# TensorFlow's C++ headers, a fifth of its size, serve only to compile operators for it.
RUN python -m pip install --require-hashes --no-deps --requirement requirements/worker.lock \
    && rm -rf /usr/local/lib/python3.11/site-packages/tensorflow/include
COPY fitserve_client fitserve_client
COPY models models
COPY service service
RUN python -m compileall -q fitserve_client models service
USER fitserve
CMD ["python", "-m", "service", "worker"]

FROM base AS api
COPY requirements/api.lock requirements/
RUN python -m pip install --require-hashes --no-deps --requirement requirements/api.lock
COPY fitserve_client fitserve_client
COPY models models
COPY service service
RUN python -m compileall -q fitserve_client models service
USER fitserve
# A port on the container's loopback interface can't be published. Whoever runs the image sets
# FITSERVE_ALLOW_ANONYMOUS.
ENV FITSERVE_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:${FITSERVE_PORT:-8000}/healthz', timeout=4)"
CMD ["python", "-m", "service", "api"]
