# The worker alone, for docker-compose.yml. Debian 13: with TLS to Redis, and SCRAM to Kafka 4.
FROM debian:13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /source
COPY . .
RUN make install DESTDIR=/image PREFIX=/usr

FROM debian:13-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates librdkafka1 libhiredis1.1.0 libssl3t64 libjansson4 libinih1 libmicrohttpd12t64 libcurl4t64 \
        libidn2-0 libunistring5 libxxhash0 libjemalloc2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /image/ /
USER nobody
ENTRYPOINT ["client-intake"]
CMD ["run", "--config", "/usr/share/client-intake/client-intake.ini"]
