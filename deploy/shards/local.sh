#!/bin/sh
# Runs `cachequant optimize …` or `cachequant evaluate …` in so many processes of this machine, then merges them:
#   deploy/shards/local.sh 4 optimize ./my-model --out ./my-bundle --threads 2
# CACHEQUANT is the command, where it is not in the PATH.
set -eu
count=$1
shift
command=${CACHEQUANT:-cachequant}
seq "$count" | xargs -P "$count" -I '{}' $command "$@" --shard "{}/$count"
exec $command "$@" --merge
