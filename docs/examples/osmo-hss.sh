#!/bin/sh
# A vector source out of osmo-auc-gen (Debian package libosmocore-utils), one request per run:
#   naf-push send IMSI --av "exec:docs/examples/osmo-hss.sh STATE-FILE K OPC" -m hello
# STATE-FILE keeps the number of the last vector. osmo-auc-gen takes keys on its command line, where
# other users of the machine can read them: for test SIMs.
set -eu
state=$1 k=$2 opc=$3
IFS= read -r request

member() { printf '%s\n' "$request" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
generate() { osmo-auc-gen -3 -a milenage -k "$k" -o "$opc" "$@" 2>/dev/null; }
field() { printf '%s\n' "$output" | sed -n "s/^$1:[[:space:]]*//p"; }

exec 9>"$state.lock"
flock 9
number=$(cat "$state" 2>/dev/null || echo 0)

case $(member op) in
vector)
  # SQN = SEQ || IND (TS 33.102 C.3); IND 16 to 31 is for push.
  number=$((number + 1))
  echo "$number" >"$state"
  rand=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
  output=$(generate -f 8000 -s $((number * 32 + 16 + number % 16)) -r "$rand")
  printf '{"rand":"%s","autn":"%s","xres":"%s","ck":"%s","ik":"%s"}\n' \
    "$rand" "$(field AUTN)" "$(field RES)" "$(field CK)" "$(field IK)"
  ;;
resynchronise)
  if output=$(generate -A "$(member auts)" -r "$(member rand)"); then
    echo $(($(field 'SQN\.MS') / 32)) >"$state"
    echo '{}'
  else
    echo '{"error":"mac"}'
  fi
  ;;
*) exit 1 ;;
esac
