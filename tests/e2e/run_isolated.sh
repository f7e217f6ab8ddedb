#!/usr/bin/env bash
# Runs one end-to-end test with a home of its own: run_isolated.sh PROGRAM COMMAND [ARGUMENT...]
#
# The command finds the program in FATHOM_PROGRAM, the default model's file in FATHOM_MODEL (empty
# when it is not on this machine) and the repository in FATHOM_ROOT; its working folder, HOME and the
# XDG folders are new, empty and removed afterwards.
set -euo pipefail

FATHOM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FATHOM_PROGRAM=$1
shift
models=${XDG_DATA_HOME:-${HOME:-/root}/.local/share}/fathom/models
FATHOM_MODEL=$models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf
[[ -e $FATHOM_MODEL ]] || FATHOM_MODEL=""
export FATHOM_ROOT FATHOM_PROGRAM FATHOM_MODEL

# A home of its own must not hide how this machine reaches its npm packages.
if [[ -n ${HOME:-} ]]; then
  [[ ! -e $HOME/.npmrc ]] || export NPM_CONFIG_USERCONFIG=${NPM_CONFIG_USERCONFIG:-$HOME/.npmrc}
  export NPM_CONFIG_CACHE=${NPM_CONFIG_CACHE:-$HOME/.npm}
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/fathom-e2e-XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/home" "$folder/data" "$folder/config" "$folder/work"
export HOME=$folder/home XDG_DATA_HOME=$folder/data XDG_CONFIG_HOME=$folder/config
export XDG_CACHE_HOME=$folder/cache XDG_STATE_HOME=$folder/state
cd "$folder/work"
status=0
"$@" || status=$?
exit "$status"
