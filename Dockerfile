# A pipeline in a container; docs/docker.md says how to build and use it.
#   docker build -t zeroov .                                # CPU and CUDA; for a GPU the host needs NVIDIA's container toolkit
#   docker build -t zeroov --build-arg INDEX=URL .          # another build of torch, from an index of PyTorch's
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

# Where torch comes from: by itself pip's own index, whose wheels bring CUDA with them, so the image below needs none.
ARG INDEX=
RUN PIP_INDEX_URL="${INDEX}" pip install --no-cache-dir torch torchvision

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY pipelines pipelines
COPY zeroov zeroov
RUN pip install --no-cache-dir '.[serve]'

# Models and checked files are kept here: mount a volume. Any user may write, as `docker run --user` chooses one.
ENV HF_HOME=/models/huggingface ZEROOV_CACHE=/models/zeroov MPLCONFIGDIR=/tmp/matplotlib
RUN mkdir -p /models /work && chmod 1777 /models /work
VOLUME /models
WORKDIR /work
USER 1000
EXPOSE 8000
ENTRYPOINT ["zeroov"]
CMD ["--help"]
