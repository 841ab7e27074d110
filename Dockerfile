# A pipeline in a container; docs/docker.md says how to build and use it.
#   docker build -t zeroov .                                # CPU
#   docker build -t zeroov --build-arg TORCH=cu126 .        # CUDA 12.6; the host needs NVIDIA's container toolkit
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

# Which build of torch: the last part of https://download.pytorch.org/whl/..., cpu or a version of CUDA.
# torch's wheels bring CUDA with them, so the image below needs none.
ARG TORCH=cpu
RUN pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/${TORCH}

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY pipelines pipelines
COPY zeroov zeroov
RUN pip install --no-cache-dir '.[geo]'

# Models and checked files are kept here: mount a volume. Any user may write, as `docker run --user` chooses one.
ENV HF_HOME=/models/huggingface ZEROOV_CACHE=/models/zeroov MPLCONFIGDIR=/tmp/matplotlib
RUN mkdir -p /models /work && chmod 1777 /models /work
VOLUME /models
WORKDIR /work
USER 1000
EXPOSE 8000
ENTRYPOINT ["zeroov"]
CMD ["--help"]
