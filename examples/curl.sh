#!/bin/sh
# Calls the gateway with nothing but curl. GATEWAY_KEY is a virtual key; GATEWAY_URL where the gateway listens.
set -eu

url=${GATEWAY_URL:-http://127.0.0.1:8080}
key=${GATEWAY_KEY:?set GATEWAY_KEY to a virtual key of the gateway}
model=${MODEL:-demo}

# --fail-with-body: an error ends the script, and is still shown. The key goes in by standard
# input, because arguments of a process are visible to every user of a machine.
call() {
  printf 'header = "authorization: Bearer %s"\n' "$key" | curl --config - --silent --show-error --fail-with-body "$@"
  echo
}

echo "Models that this key may use:"
call "$url/v1/models"

echo "A call in OpenAI's dialect:"
call "$url/v1/chat/completions" \
  --header 'content-type: application/json' \
  --data "{\"model\": \"$model\", \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}"

echo "The same as a stream:"
call "$url/v1/chat/completions" --no-buffer \
  --header 'content-type: application/json' \
  --data "{\"model\": \"$model\", \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}"

echo "A call in Anthropic's dialect:"
call "$url/v1/messages" \
  --header 'content-type: application/json' \
  --header 'anthropic-version: 2023-06-01' \
  --data "{\"model\": \"$model\", \"max_tokens\": 200, \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}"
