#!/usr/bin/env bash
# From a fresh clone to a running Fathom: installs what is missing, builds, fetches the default model
# and starts the server on 127.0.0.1:8080. Any arguments go to the program instead.
#
#   ./run.sh                      the web page and the API
#   ./run.sh chat                 a conversation in the terminal
#   ./run.sh run -p "Hello"       one answer on standard output
#
# Safe to repeat; once everything is there it needs no network and starts at once. Needs Debian 12
# or Ubuntu 24.04 and, where packages are missing, root or sudo. The script speaks on standard
# error: standard output is the program's.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/setup.sh
source "$ROOT/tools/setup.sh"

readonly PROGRAM="$ROOT/build/release/fathom"
readonly ADDRESS=127.0.0.1 PORT=8080

port_is_taken() { (exec 3<>"/dev/tcp/$ADDRESS/$PORT") 2>/dev/null; }

# The folder that --data of the arguments names; nothing without it. The program refuses a second one.
data_argument() {
  local argument previous=""
  for argument in "$@"; do
    if [[ $previous == --data || $argument == --data=* ]]; then
      echo "${argument#--data=}"
      return
    fi
    previous=$argument
  done
}

# A model file, a model directory, or the name of one that is installed.
is_a_model() {
  local models=${data:-${XDG_DATA_HOME:-${HOME:-}/.local/share}/fathom}/models
  [[ $1 == *.gguf || -f $1/config.json || ($1 == *config.json && -f $1) ||
    (-n $1 && $1 != */* && -d $models/$1) ]]
}

# Whether the arguments call for the default model: not when they name another one, nor when the
# command needs none. Where that cannot be told, fetching it does no harm.
wants_default_model() {
  local argument previous="" command=""
  for argument in "$@"; do
    case $previous in  # of these the value is no model
      --data | -p | --prompt | --system | --stop)
        previous=""
        continue
        ;;
    esac
    previous=$argument
    case $argument in
      -h | --help) return 1 ;;
      --model=*) ! is_a_model "${argument#--model=}" || return 1 ;;
      -* | "") ;;
      *)
        if [[ -z $command ]]; then
          command=$argument
        elif is_a_model "$argument"; then
          return 1
        fi
        ;;
    esac
  done
  case $command in
    serve | chat | run | score | tokenize | bench | inspect | plan | imatrix | evaluate) ;;
    "") (($# == 0)) ;;
    *) return 1 ;;
  esac
}

data=$(data_argument "$@")
if (($# == 0)) && port_is_taken; then
  die "port $PORT on $ADDRESS is taken: is Fathom running already at http://$ADDRESS:$PORT/ ?" \
    "Stop what uses it, or take another: ./run.sh serve --port 8081"
fi

install_build_tools ""
# An existing configuration stays as it is, with or without the tests that test.sh adds.
build_preset release fathom --keep -DFATHOM_TESTS=OFF

if wants_default_model "$@" && ! python3 "$ROOT/tools/fetch_default_model.py" ${data:+"$data"}; then
  note "Without the default model these still work: ./run.sh run FILE.gguf, ./run.sh chat FILE.gguf,"
  note "./run.sh serve FILE.gguf, ./run.sh inspect FILE.gguf. Run ./run.sh again to fetch it."
  (($# > 0)) || exit 1
fi

if (($# == 0)); then
  say "Starting the server on http://$ADDRESS:$PORT/ (Ctrl-C stops it)"
  set -- serve
fi
exec "$PROGRAM" "$@"
