# Makes a model with the notebooks, then serves it: make image, then docker run --rm -p 5000:5000 house-prices

# Pinned by digest: the same build tomorrow. Dependabot proposes newer ones; --build-arg BASE=... takes another image.
# One base for all stages, since environments are copied between them.
#checkov:skip=CKV_DOCKER_7:tag and digest are in the argument, where the check does not look
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS tools
WORKDIR /project
# uv lives beside the environment that it fills, so that the last stage can take one without the other.
COPY requirements/uv.txt requirements/
RUN python -m venv --without-pip /opt/venv \
    && python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/uv.txt
# copy: uv's cache below is another file system, and hard links do not cross.
ENV PATH=/opt/venv/bin:/opt/uv/bin:$PATH VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv

# What the app needs, apart from what the notebooks need, so that a change to one does not install the other again.
FROM tools AS packages
COPY requirements/app.txt requirements/
# .lock: uv leaves this file writable for everyone.
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --require-hashes --compile-bytecode -r requirements/app.txt \
    && rm -f /opt/venv/.lock

# Our code, and what the notebooks need. What changes least comes first: a changed notebook installs nothing again.
FROM tools AS code
# For lib/modelbundle/plan/compiled.c; it stays in this stage. Debian's stable release keeps no version to pin for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY requirements/pipeline.txt requirements/
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --require-hashes --compile-bytecode -r requirements/pipeline.txt
COPY pyproject.toml ./
COPY lib lib
# The last line fails where the compiler did, which the install takes lightly.
RUN uv pip install --no-cache --no-deps --no-build-isolation --editable . \
    && python -c "import modelbundle.plan.compiled"

# Runs the notebooks.
FROM code AS pipeline
RUN chown -R 10001:10001 .
# Owned by the user who runs them: a checkout may be closed to others, and the run makes folders beside them.
COPY --chown=10001:10001 conf conf
COPY --chown=10001:10001 data data
COPY --chown=10001:10001 dodo.py ./
COPY --chown=10001:10001 notebooks notebooks
USER 10001:10001
# This user has no home, and Jupyter and matplotlib write to theirs.
ENV HOME=/tmp
ARG CONF=conf/house_prices.yaml
# --build-arg DATA_URL=https://... takes newer data of the same columns and dialect than those in the checkout;
# DATA_SHA256 says which bytes they must be.
ARG DATA_URL= DATA_SHA256=
RUN [ -z "${DATA_URL}" ] || python -m training.fetch "${CONF}" "${DATA_URL}" --sha256 "${DATA_SHA256}"
# Apart from the fetch, so that a run that failed need not fetch again.
# The registry is where the configuration has it, and models/ from here on.
# hadolint ignore=DL3059
RUN python -m training.run "${CONF}" \
    && mv "$(python -m training.bundle.registry "${CONF}")" served \
    && rm -rf models \
    && mv served models

# What the run made, for whoever wants no image: docker build --target artefacts --output type=local,dest=dist .
FROM scratch AS artefacts
COPY --from=pipeline /project/models /models

# The last stage is the one that is built. Root owns all of it: the service can change neither its code nor its model.
FROM ${BASE} AS app
WORKDIR /srv
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /project/lib/modelbundle modelbundle
COPY --from=code /project/lib/registry registry
# chown: a copy from a stage keeps its owner, and there that is the service's own number.
COPY --chown=0:0 --from=pipeline /project/models models
COPY app app
# Compiled here, since the service may not write; readable for it, whatever rights the files had in the checkout. The
# models are so as they were published, and changing their rights would store them twice.
RUN /opt/venv/bin/python -m compileall -q app modelbundle registry && chmod -R u=rwX,go=rX app modelbundle registry
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/srv PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 PORT=5000 FALLBACK_MODELS=/srv/models
EXPOSE 5000
# A number, since Kubernetes' runAsNonRoot cannot check a name; without an account, since nothing here needs one.
USER 10001:10001
# In Python, since the base has no curl; http.client, since urllib would ask a proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; \
        service = http.client.HTTPConnection(os.environ['HOST'], int(os.environ['PORT']), timeout=4); \
        service.request('GET', '/readyz'); \
        sys.exit(service.getresponse().status != 200)"]
# What it is made of; make image reads it from the artefacts above. Late, since what follows is made again with it.
ARG VERSION=unknown DATA=unknown COMMIT=unknown
LABEL org.opencontainers.image.title="house-prices" \
      org.opencontainers.image.description="The model that the notebooks made: a page at /, /predict, /report" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.version="${VERSION}" \
      model.data.sha256="${DATA}"
# A list: no shell stands between, and SIGTERM reaches gunicorn.
CMD ["python", "-m", "app"]
