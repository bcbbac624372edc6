# Three images of one tree. `docker compose build` makes the first two, with `--profile gpu` the third too.
#
#   web          the site, beat, migrations: no torch in it
#   worker       teaches on the CPU
#   worker-cuda  teaches on an NVIDIA GPU

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS needs
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/poembot
ENV PATH=/opt/poembot/bin:$PATH
WORKDIR /srv/poembot
COPY pyproject.toml requirements.lock ./
# What the program stands on changes seldom: a layer of its own, read from pyproject.toml, in the lock's versions.
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        open('/tmp/needs', 'w').write('\n'.join(p['dependencies'])); \
        open('/tmp/learn', 'w').write('\n'.join(p['optional-dependencies']['learn']))" \
    && pip install --constraint requirements.lock --requirement /tmp/needs
# An object store as shelf wants its own driver: EXTRAS=s3fs, EXTRAS=gcsfs ...
ARG EXTRAS=""
# hadolint ignore=DL3013,SC2086
RUN if [ -n "$EXTRAS" ]; then pip install --constraint requirements.lock $EXTRAS; fi

FROM needs AS needs-cpu
# PyTorch keeps its CPU builds, a tenth the size, in an index of its own: name it here to have the small image.
ARG TORCH_INDEX=""
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} --requirement /tmp/learn

FROM needs AS needs-cuda
RUN pip install --requirement /tmp/learn

FROM needs AS made-web
COPY . .
RUN pip install --no-deps --editable . && python -m compileall -q app worker models migrations

FROM needs-cpu AS made-worker
COPY . .
RUN pip install --no-deps --editable . && python -m compileall -q app worker models migrations

FROM needs-cuda AS made-worker-cuda
COPY . .
RUN pip install --no-deps --editable . && python -m compileall -q app worker models migrations

# What the three have in common: nobody's rights, and two folders that are his. A new volume takes its owner from them.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS bare
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/poembot poembot \
    && install -d -o poembot -g poembot /var/lib/poembot /srv/shelf
ENV PATH=/opt/poembot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    POEMBOT_HOME=/var/lib/poembot \
    POEMBOT_SHELF_URL=/srv/shelf
WORKDIR /srv/poembot
USER 10001:10001
STOPSIGNAL SIGTERM

FROM bare AS worker-cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=made-worker-cuda /opt/poembot /opt/poembot
COPY --from=made-worker-cuda /srv/poembot /srv/poembot
CMD ["poembot", "worker"]

FROM bare AS worker
COPY --from=made-worker /opt/poembot /opt/poembot
COPY --from=made-worker /srv/poembot /srv/poembot
CMD ["poembot", "worker"]

FROM bare AS web
COPY --from=made-web /opt/poembot /opt/poembot
COPY --from=made-web /srv/poembot /srv/poembot
EXPOSE 8000
CMD ["poembot", "serve", "--host", "0.0.0.0", "--port", "8000", "--no-worker"]
