# Three targets: `agent` is the reference agent, `agent-test` adds its tests, the last one is the tool itself.
# Classic builder syntax throughout.
ARG BASE=python:3.11-slim
# An image with kubectl at /bin/kubectl, such as registry.k8s.io/kubectl:v1.34.4@sha256:...: the tool's image
# then carries it, as the watchdog of a rollout needs.
ARG KUBECTL=${BASE}

FROM ${BASE} AS agent
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY examples/support_agent/requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY prompts/ ./prompts/
COPY examples/support_agent/support_agent/ ./support_agent/
# Compiled now: the file system is read-only when the agent runs.
RUN python -m compileall -q support_agent
ENV PROMPTS_DIR=/app/prompts HOST=0.0.0.0 PORT=8080
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/health' % os.environ['PORT'], timeout=2)"]
CMD ["python", "-m", "support_agent"]

FROM agent AS agent-test
USER 0
COPY examples/support_agent/requirements-test.lock ./
RUN pip install --require-hashes -r requirements-test.lock
# At the same place as in the repository, so that one command runs them in both.
COPY examples/support_agent/pytest.ini ./examples/support_agent/
COPY examples/support_agent/tests/ ./examples/support_agent/tests/
USER 10001:10001
HEALTHCHECK NONE
CMD ["python", "-m", "pytest", "examples/support_agent/tests", "-q", "-p", "no:cacheprovider"]

FROM ${KUBECTL} AS kubectl

FROM ${BASE} AS agentops
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Git tells the commit that a run belongs to.
RUN apt-get update \
  && apt-get install -y --no-install-recommends git \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/agentops
COPY locks/tool.txt ./locks/tool.txt
RUN pip install --require-hashes -r locks/tool.txt
COPY pyproject.toml README.md LICENSE ./
COPY agentops/ ./agentops/
RUN pip install --no-deps --no-build-isolation . && python -m compileall -q agentops
# Without kubectl the second pattern alone matches: the classic builder refuses a COPY of nothing.
COPY --from=kubectl /bin/kubect[l] /etc/hos[t]name /opt/kubectl/
ENV PATH=$PATH:/opt/kubectl
# A home that can be written to, for git and for the instruments that keep state there.
RUN mkdir -p /home/agentops /workspace && chown 10001:10001 /home/agentops /workspace
ENV HOME=/home/agentops
USER 10001:10001
WORKDIR /workspace
ENTRYPOINT ["agentops"]
