# SPDX-License-Identifier: Apache-2.0
#
# `make image` builds it. The image holds the program, the shared libraries it loads and the
# certificates of public authorities; there is no shell and no package manager in it.
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
ENTRYPOINT ["kafka-component"]
