# Makes a model with the notebooks, then serves it: make image, then docker run --rm -p 5000:5000 house-prices
#
# Pinned by digest, in CI for instance: --build-arg BASE=python:3.11-slim-bookworm@sha256:<digest>, which
# `docker buildx imagetools inspect python:3.11-slim-bookworm` prints. Any Python that make accepts will do.
ARG BASE=python:3.11-slim-bookworm

# --- installer: uv, and nothing that reaches the last stage ---------------------------------------------------------
FROM ${BASE} AS installer
# copy: the cache is another file system, which hard links cannot leave. never: the base's Python, not one of uv's own.
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/venv
COPY requirements/uv.txt /tmp/
RUN pip install --no-cache-dir --require-hashes -r /tmp/uv.txt

# --- pipeline: runs the notebooks; the last stage takes models/ from it, and nothing else ----------------------------
FROM installer AS pipeline
RUN install -d -o 10001 -g 10001 /src
WORKDIR /src
# What changes least comes first: a changed notebook installs nothing again.
COPY requirements/pipeline.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv && uv pip install --require-hashes --compile-bytecode -r /tmp/pipeline.txt
# The user's own, because the run makes folders beside them, and because a checkout may be closed to other users.
COPY --chown=10001:10001 pyproject.toml ./
COPY --chown=10001:10001 lib lib
RUN uv pip install --no-cache --no-deps --no-build-isolation --editable .
COPY --chown=10001:10001 requirements requirements
COPY --chown=10001:10001 data data
COPY --chown=10001:10001 conf conf
COPY --chown=10001:10001 dodo.py ./
COPY --chown=10001:10001 notebooks notebooks
# HOME: this user has none, and Jupyter and matplotlib write to theirs.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp
USER 10001:10001
ARG CONF=conf/house_prices.yaml
RUN python -m training.run "${CONF}"

# --- packages: the environment and the code of the app, apart from the pipeline's so that either changes alone --------
FROM installer AS packages
COPY requirements/app.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv && uv pip install --require-hashes --compile-bytecode -r /tmp/app.txt
COPY app /srv/app
COPY lib/modelbundle /srv/lib/modelbundle
# Compiled here, because the app may write nowhere; readable whatever the checkout's rights are.
RUN /opt/venv/bin/python -m compileall -q /srv && chmod -R u=rwX,go=rX /srv

# --- app: the last stage, so the one that is built ------------------------------------------------------------------
FROM ${BASE} AS app
WORKDIR /srv
# Root owns everything, so that a hole in the service cannot change its code or its model. Rarest change first.
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /srv ./
COPY --from=pipeline /src/models models
# - OMP, OPENBLAS: one thread for linear algebra, as in training and in make serve, so that prices agree to the last bit.
# - GUNICORN_CMD_ARGS: its workers' heartbeats are files; /dev/shm is in memory, and is there and writable in a container
#   whose root file system is read-only. So --read-only needs no --tmpfs.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/srv/lib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
    GUNICORN_CMD_ARGS="--worker-tmp-dir /dev/shm" \
    HOST=0.0.0.0 PORT=5000
# A number, because Kubernetes' runAsNonRoot cannot check a name. Any other number works too.
USER 10001:10001
EXPOSE 5000
# In Python, because the base has no curl; http.client, because urllib would ask a proxy named in the environment.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
# No shell between: Python is process 1 and becomes gunicorn, which gets SIGTERM and ends its workers.
CMD ["python", "-m", "app"]
# Last, because they change with every commit: --build-arg REVISION="$(git describe --always --dirty --abbrev=12)"
ARG BASE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="house-prices" \
      org.opencontainers.image.description="Serves the best model of the notebooks, and the report on how it was chosen" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.revision="${REVISION}"
