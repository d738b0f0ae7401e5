# Two stages: the first builds wheels and the page, the second runs as a user without rights.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/doumi \
    && /opt/doumi/bin/pip install --no-cache-dir --constraint constraints.txt ".[ocr]"
ENV DOUMI_DATA=/tmp/prepared
RUN /opt/doumi/bin/doumi prepare

FROM python:3.12-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-kor \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 --user-group doumi \
    && install --directory --owner doumi --group doumi /data
COPY --from=build /opt/doumi /opt/doumi
COPY --from=build --chown=doumi:doumi /tmp/prepared/models /data/models
USER 10001:10001
ENV DOUMI_DATA=/data \
    DOUMI_HOST=0.0.0.0 \
    HF_HUB_OFFLINE=1 \
    PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/opt/doumi/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["/opt/doumi/bin/doumi"]
CMD ["serve"]
