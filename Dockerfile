# The image is the static binary that `make build` made, and nothing else but a /tmp, which WORKDIR makes.
FROM scratch
COPY bin/acrlocal /acrlocal
WORKDIR /tmp
ENV ACRLOCAL_LISTEN=0.0.0.0:5080 ACRLOCAL_MANAGE=0.0.0.0:5081 ACRLOCAL_STATE=/tmp/acrlocal
EXPOSE 5080 5081
HEALTHCHECK --interval=2s --timeout=10s --retries=15 CMD ["/acrlocal", "health"]
ENTRYPOINT ["/acrlocal"]
CMD ["up"]
