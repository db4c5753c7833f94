# One image for every program: `churn stream`, `churn publish`, `churn serve`, `churn deliver` and the commands that end by themselves.
# Pinned by version; what `docker buildx imagetools inspect python:3.11.14-slim-bookworm` shows as digest pins it for good.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
# Whoever runs a program later may not write: the start script of Java has to be where it was made.
ENV PIP_NO_CACHE_DIR=1 XDG_CACHE_HOME=/opt/churn/.cache
WORKDIR /opt/churn
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY conf conf
COPY churn churn
COPY training training
COPY streaming streaming
COPY api api
# As `make setup` does it: packages by the hashes of requirements.lock, jars by those of conf/jars.lock, and an archive of
# Spark's classes, with which a container starts seconds sooner.
RUN python3 conf/setup.py && rm -rf .cache/churn/ivy

FROM ${BASE}
# An account with a name: Spark does not start for a number alone.
RUN groupadd --gid 10001 churn \
    && useradd --uid 10001 --gid churn --no-create-home --home-dir /tmp --shell /usr/sbin/nologin churn \
    && install -d -o churn -g churn /srv /srv/var /srv/models
COPY --from=build /opt/churn /opt/churn
ENV PATH=/opt/churn/.venv/bin:$PATH \
    XDG_CACHE_HOME=/opt/churn/.cache \
    MPLCONFIGDIR=/tmp \
    PYTHONUNBUFFERED=1
# The folders of the settings, var and models, are taken from here.
WORKDIR /srv
USER 10001:10001
CMD ["churn", "--help"]
