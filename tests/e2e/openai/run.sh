#!/usr/bin/env bash
# Talks to the built program with the real OpenAI client for Node: run.sh [PROGRAM [MODEL]]
#
# PROGRAM and MODEL default to FATHOM_PROGRAM and FATHOM_MODEL; without a model a tiny random one
# serves. Exits with 77 (skipped) without Node. The client is installed once, below build/, from the
# lock file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
export FATHOM_PROGRAM=${1:-${FATHOM_PROGRAM:-}}
export FATHOM_MODEL=${2:-${FATHOM_MODEL:-}}
if [[ -z $FATHOM_PROGRAM ]]; then
  echo "usage: run.sh PROGRAM [MODEL]" >&2
  exit 2
fi
if ! command -v npm > /dev/null; then
  echo "skipped: needs npm"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export FATHOM_TOOL_MODEL=$folder/tools.gguf
python3 "$root/tests/e2e/tool_model.py" "$FATHOM_TOOL_MODEL"
if [[ -z $FATHOM_MODEL ]]; then
  FATHOM_MODEL=$folder/tiny.gguf
  PYTHONPATH=$root/tests/e2e python3 -c 'import sys, tiny_model; tiny_model.write(sys.argv[1])' \
    "$FATHOM_MODEL"
fi

export OPENAI_FOLDER=$root/build/openai-client
if ! cmp -s "$here/package-lock.json" "$OPENAI_FOLDER/installed.json"; then
  echo "installing the OpenAI client into build/openai-client"
  mkdir -p "$OPENAI_FOLDER"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$OPENAI_FOLDER/"
  (cd "$OPENAI_FOLDER" && npm ci --no-progress)
  cp "$here/package-lock.json" "$OPENAI_FOLDER/installed.json"
fi
node --test --test-reporter=spec "$here/openai_test.mjs" "$here/tools_test.mjs"
