#!/bin/sh
# A SIM out of osmo-auc-gen (Debian package libosmocore-utils), one request per run:
#   ue-listen --usim "exec:docs/examples/osmo-usim.sh STATE-FILE IMSI K OPC"
# STATE-FILE keeps the highest SQN. It makes no AUTS, and its keys are on the command line: for test SIMs.
set -eu
state=$1 imsi=$2 k=$3 opc=$4
IFS= read -r request

member() { printf '%s\n' "$request" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
generate() { osmo-auc-gen -3 -a milenage -k "$k" -o "$opc" -r "$rand" "$@" 2>/dev/null; }
field() { printf '%s\n' "$output" | sed -n "s/^$1:[[:space:]]*//p"; }

case $(member op) in
identify) printf '{"imsi":"%s"}\n' "$imsi" ;;
authenticate)
  rand=$(member rand) autn=$(member autn)
  # With SQN 0 the first six octets of AUTN are AK; the AMF is the next two.
  output=$(generate -s 0)
  ak=$(field AUTN | cut -c1-12)
  sqn=$((0x$(printf %s "$autn" | cut -c1-12) ^ 0x$ak))
  output=$(generate -s "$sqn" -f "$(printf %s "$autn" | cut -c13-16)")
  exec 9>"$state.lock"
  flock 9
  if [ "$(field AUTN)" != "$autn" ]; then
    echo '{"error":"mac"}'
  elif [ "$sqn" -le "$(cat "$state" 2>/dev/null || echo 0)" ]; then
    echo '{"error":"sqn"}'
  else
    echo "$sqn" >"$state"
    printf '{"ck":"%s","ik":"%s","res":"%s"}\n' "$(field CK)" "$(field IK)" "$(field RES)"
  fi
  ;;
*) exit 1 ;;
esac
