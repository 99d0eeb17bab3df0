#!/usr/bin/env bash
# Runs files of SQL on Athena, a statement at a time, and shows the rows of queries. It stops at the first that fails.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: analytics/athena.sh s3://BUCKET/athena/ FILE.sql..." >&2
  exit 2
fi
output=$1
shift
# No text holds two dashes or a semicolon: a test holds that.
sql=$(sed 's/--.*//' "$@")
if grep -qE 's3://BUCKET|/SECOND/|/EXPORT-OF-' <<<"$sql"; then
  echo "athena.sh: expected your bucket, second and exports in the place of BUCKET, SECOND and EXPORT-OF-…" >&2
  exit 2
fi

# Runs a statement, in a database if one is given.
run() {
  local id state
  id=$(aws athena start-query-execution --query-string "$1" ${2:+--query-execution-context "Database=$2"} \
    --result-configuration "OutputLocation=$output" --query QueryExecutionId --output text </dev/null)
  while :; do
    state=$(aws athena get-query-execution --query-execution-id "$id" --query QueryExecution.Status.State \
      --output text </dev/null)
    case $state in
      SUCCEEDED) break ;;
      QUEUED | RUNNING) sleep 2 ;;
      *)
        aws athena get-query-execution --query-execution-id "$id" \
          --query QueryExecution.Status.StateChangeReason --output text </dev/null >&2 || true
        echo "athena.sh: $state: ${1:0:200}" >&2
        exit 1
        ;;
    esac
  done
  case $1 in
    SELECT* | WITH*)
      aws athena get-query-results --query-execution-id "$id" \
        --query 'ResultSet.Rows[*].[Data[*].[VarCharValue][]][]' --output text </dev/null
      ;;
  esac
}

run "CREATE DATABASE IF NOT EXISTS giro"
while IFS= read -r -d ';' statement; do
  statement=${statement#"${statement%%[![:space:]]*}"}
  if [ -n "$statement" ]; then
    run "$statement" giro
  fi
done <<<"$sql;"
