# The web page of one trained run. Not built here: there was no Docker where this was written.
#
#   docker build --tag nerveceg .
#   docker run --rm --read-only --tmpfs /tmp --publish 127.0.0.1:7860:7860 --volume "$PWD/runs/demo:/trained:ro" nerveceg
#
# Publish it at 127.0.0.1 alone: the page has no password and no encryption.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 NO_ALBUMENTATIONS_UPDATE=1 HF_HUB_OFFLINE=1 \
    GRADIO_ANALYTICS_ENABLED=False HOME=/tmp

WORKDIR /build
COPY setup.py pyproject.toml README.md LICENSE ./
COPY nerveceg nerveceg
COPY conf conf
COPY tools tools
RUN pip install ".[app,dicom,video]" && rm -rf /build

RUN useradd --create-home nerveceg
USER nerveceg
WORKDIR /tmp
EXPOSE 7860
ENTRYPOINT ["nerveceg-app", "app.host=0.0.0.0"]
CMD ["checkpoint=/trained"]
