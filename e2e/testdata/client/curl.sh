# What a client of ACR does, by hand: a refresh token becomes an access token, and that a manifest.
set -eu
answer=$(curl -sS --fail-with-body -u "$NAME:$SECRET" -G --data-urlencode "service=$SERVICE_NAME" \
  --data-urlencode "scope=repository:$REPOSITORY:pull" "$SCHEME://$HOST/oauth2/token") || { echo "$answer" >&2; exit 22; }
token=$(printf %s "$answer" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -sS --fail-with-body -H "Authorization: Bearer $token" -H 'Accept: */*' "$SCHEME://$HOST/v2/$REPOSITORY/manifests/$TAG"
