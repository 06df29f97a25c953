# tchap-bridges in a container: configuration, registration and SQLite file live in /data. See docs/operate/install.md.

FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY bridges bridges
COPY bots bots
RUN python -m venv /opt/tchap-bridges && /opt/tchap-bridges/bin/pip install --no-cache-dir '.[email,irc,slack,sondages,enquetes,flux]'

FROM python:3.12-slim
RUN useradd --system --uid 990 --home-dir /data --shell /usr/sbin/nologin tchap-bridges \
    && install -d -m 700 -o tchap-bridges -g tchap-bridges /data
COPY --from=build /opt/tchap-bridges /opt/tchap-bridges
ENV PATH=/opt/tchap-bridges/bin:$PATH PYTHONUNBUFFERED=1 TCHAP_BRIDGES_CONFIG=/data/config.yaml
USER tchap-bridges
WORKDIR /data
VOLUME /data
# 29340: the homeserver calls us; 29341: health and metrics; 2525: mail from your own server.
EXPOSE 29340 29341 29342 2525
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:29341/health/live', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tchap-bridges"]
CMD ["run"]
