#!/usr/bin/env bash
# An exec plug-in for kubectl in GitHub Actions: the job's own identity as a token that lives for minutes, fetched anew
# whenever kubectl asks. Nothing is stored. The job needs `permissions: id-token: write`, the API server the issuer
# https://token.actions.githubusercontent.com with the audience of $1.
# (https://docs.github.com/en/actions/security-for-github-actions/security-hardening-your-deployments,
#  https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins)
set -euo pipefail
audience="$1"
answer=$(curl -sSf --retry 3 -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
  "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience")
token=$(printf '%s' "$answer" | python3 -c 'import json, sys; print(json.load(sys.stdin)["value"])')
# kubectl asks again a minute before the token runs out; GitHub's live for five.
expires=$(date -u -d '+4 minutes' '+%Y-%m-%dT%H:%M:%SZ')
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"%s"}}\n' \
  "$token" "$expires"
