#!/usr/bin/env bash
# Talks to the built program with the real OpenAI client for Node: run.sh [PROGRAM [MODEL]]
#
# PROGRAM and MODEL default to FATHOM_PROGRAM and FATHOM_MODEL; exits with 77 (skipped) without a
# model or Node. The client is installed once, below build/, from the lock file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
export FATHOM_PROGRAM=${1:-${FATHOM_PROGRAM:-}}
export FATHOM_MODEL=${2:-${FATHOM_MODEL:-}}
if [[ -z $FATHOM_PROGRAM ]]; then
  echo "usage: run.sh PROGRAM MODEL" >&2
  exit 2
fi
if [[ -z $FATHOM_MODEL ]] || ! command -v npm > /dev/null; then
  echo "skipped: needs a model and npm"
  exit 77
fi

export OPENAI_FOLDER=$root/build/openai-client
if ! cmp -s "$here/package-lock.json" "$OPENAI_FOLDER/installed.json"; then
  echo "installing the OpenAI client into build/openai-client"
  mkdir -p "$OPENAI_FOLDER"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$OPENAI_FOLDER/"
  (cd "$OPENAI_FOLDER" && npm ci --no-progress)
  cp "$here/package-lock.json" "$OPENAI_FOLDER/installed.json"
fi
exec node --test --test-reporter=spec "$here/openai_test.mjs"
