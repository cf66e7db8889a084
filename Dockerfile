# The image of a node, or of a signer: docs/operations/containers.md.
FROM node:22-bookworm AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
# The package as others install it, with exactly the locked versions of what it needs to run.
RUN npm pack --pack-destination /tmp \
    && mkdir /opt/suanli \
    && tar -xzf /tmp/suanli-*.tgz -C /opt/suanli --strip-components=1 \
    && cp package-lock.json /opt/suanli/ \
    && cd /opt/suanli \
    && npm ci --omit=dev

FROM node:22-bookworm-slim
COPY --from=build /opt/suanli /opt/suanli
# A package's program is made executable by whoever installs it; a volume takes its owner from the folder that it is mounted on.
RUN chmod 755 /opt/suanli/dist/cli/main.js \
    && ln -s /opt/suanli/dist/cli/main.js /usr/local/bin/suanli \
    && install -d -o node -g node -m 0700 /data /run/suanli
USER node
ENV NODE_ENV=production
VOLUME /data
EXPOSE 26600
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=2m --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8545/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/opt/suanli/dist/cli/main.js"]
CMD ["start", "-d", "/data", "--log-format", "json"]
