# The worker alone, for docker-compose.yml.
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /source
COPY . .
RUN make && make install DESTDIR=/image PREFIX=/usr

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        librdkafka1 libhiredis0.14 libjansson4 libinih1 libmicrohttpd12 libidn2-0 libunistring2 libxxhash0 libuuid1 libsimdjson14 libjemalloc2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /image/ /
USER nobody
ENTRYPOINT ["client-intake"]
CMD ["run", "--config", "/usr/share/client-intake/client-intake.ini"]
