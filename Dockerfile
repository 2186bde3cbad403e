# Farebox in an image: its own user, the tokenizer's data inside, no network needed at start.
#
#   docker build -t farebox .
#   docker run -p 8080:8080 -v farebox:/var/lib/farebox farebox
#
# With FAREBOX_DATABASE_URL and FAREBOX_REDIS_URL set it runs on your own stores; without, on the embedded ones.

FROM python:3.12-slim AS dashboard
WORKDIR /app
COPY requirements-build.lock .
COPY dashboard dashboard
RUN mkdir gateway && python dashboard/build.py --required

FROM python:3.12-slim AS build
WORKDIR /app
COPY requirements.lock .
RUN python -m venv /app/.venv \
    && /app/.venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY config config
COPY providers providers
COPY metering metering
COPY gateway gateway
COPY --from=dashboard /app/gateway/static gateway/static
# A path file instead of an editable install, as in .ci/venv.sh: no build backend that no hash checks.
RUN echo /app > "$(/app/.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/farebox.pth" \
    && /app/.venv/bin/python -m compileall -q config providers metering gateway \
    && /app/.venv/bin/python -c 'from pathlib import Path; from metering.counter import TokenCounter; \
counter = TokenCounter(Path("/app/tokenizer"), 0); counter.warm("o200k_base"); counter.warm("cl100k_base")'

FROM python:3.12-slim
# The embedded Postgres refuses to run as root, and wants a user with a name.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/farebox farebox
COPY --from=build /app /app
RUN ln -s /app/tokenizer /var/lib/farebox/tokenizer
USER farebox
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH FAREBOX_STATE_DIR=/var/lib/farebox FAREBOX_HOST=0.0.0.0 PYTHONUNBUFFERED=1
VOLUME /var/lib/farebox
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
# As PID 1 it reaps what it started; SIGTERM drains.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "gateway.cli"]
CMD ["serve"]
