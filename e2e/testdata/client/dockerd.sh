# Runs a command beside a Docker daemon of its own, which ends with it:  sh dockerd.sh DIRECTORY COMMAND [ARGUMENT…]
# DOCKER_DRIVER is its storage driver, vfs unless it is set. The daemon leaves the machine's own daemon, its images and its network alone.
set -u
dir=$1
shift
mkdir -p "$dir"
export DOCKER_HOST="unix://$dir/docker.sock"
dockerd --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" \
  --storage-driver "${DOCKER_DRIVER:-vfs}" --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
  >"$dir/log" 2>&1 &
daemon=$!
until docker version >/dev/null 2>&1; do
  if ! kill -0 "$daemon" 2>/dev/null; then
    cat "$dir/log" >&2
    exit 125
  fi
done
status=0
"$@" || status=$?
kill "$daemon"
wait "$daemon"
exit "$status"
