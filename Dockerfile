# SPDX-License-Identifier: Apache-2.0
#
# `make image` builds it, and adds the labels that elastic.io reads. The image holds the program,
# the shared libraries it loads, the certificates of public authorities and a small shell (dash),
# which elastic.io may start it by; there is no package manager and no other tool in it.
ARG DEBIAN=debian:stable-slim

FROM $DEBIAN AS build
WORKDIR /kafka-component
# The libraries change seldom, so they are a layer of their own.
COPY scripts/deps scripts/deps
# Lines of apt.conf that reaching the mirror takes: a proxy, or a snapshot whose lists are old.
ARG APT_CONF=
RUN printf '%s\n' "$APT_CONF" >/etc/apt/apt.conf.d/90build \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        ca-certificates make libsasl2-modules-gssapi-mit krb5-user \
 && scripts/deps build build/deps/build.mk
COPY . .
RUN make && scripts/image-root /image && mkdir /state

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="kafka-component" \
      org.opencontainers.image.description="Kafka component for low-code flows: consume starts a flow from a topic, produce writes to one" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
# A new volume that is mounted there takes over whose it is: `serve --state` writes to it.
COPY --from=build --chown=65532:65532 /state /var/lib/kafka-component
USER 65532:65532
# Where elastic.io expects component.json. Nothing there can be written.
WORKDIR /home/node
# Alone in its container the program is process 1 and needs nobody in front of it: it ends with 0
# on SIGTERM by itself, and the one child it ever has (kinit) it waits for.
ENTRYPOINT ["kafka-component"]
