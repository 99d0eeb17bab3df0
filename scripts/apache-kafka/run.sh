#!/usr/bin/env bash
# Fetches Apache Kafka from Maven Central, once, and starts a broker of it in KRaft mode, alone or as one of a cluster.
#
#   run.sh fetch LIBS                          fetch the jars into the folder LIBS, if they aren't there
#   run.sh start LIBS DATA NODE PORT CONTROLLER...
#                                              fetch, format the folder DATA, and become broker NODE, which listens on
#                                              127.0.0.1:PORT; the controllers of nodes 1, 2, ... on 127.0.0.1:CONTROLLER
#
# Lines of the file more.properties in the folder DATA come after those that are written here: other listeners, perhaps.
# A cluster of three or more keeps three replicas of everything, two of which must have a record that is acknowledged.
# Needs Java 17 and Maven.
set -euo pipefail

command=$1
mkdir -p "$2"
libs=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

fetch() {
    cmp -s "$here/pom.xml" "$libs/.complete" && return
    command -v mvn >/dev/null || { echo "Apache Kafka is fetched with Maven, and there is no mvn" >&2; exit 3; }
    # Only one at a time; whoever waited finds it done.
    exec 9>"$libs/.lock"
    flock 9
    cmp -s "$here/pom.xml" "$libs/.complete" && return
    rm -f "$libs"/*.jar
    mvn -q -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$libs" -DincludeScope=runtime >&2
    cp "$here/pom.xml" "$libs/.complete"
}

command -v java >/dev/null || { echo "Apache Kafka needs Java 17, and there is no java" >&2; exit 3; }
fetch
[ "$command" = start ] || exit 0

data=$3 node=$4 port=$5
shift 5
controllers=("$@")
voters=""
for ix in "${!controllers[@]}"; do
    voters+="${voters:+,}$((ix + 1))@127.0.0.1:${controllers[ix]}"
done
replicas=1 in_sync=1
[ ${#controllers[@]} -lt 3 ] || replicas=3 in_sync=2
mkdir -p "$data"
cat >"$data/server.properties" <<EOF
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:${controllers[node - 1]}
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data/log
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
group.initial.rebalance.delay.ms=0
EOF
[ ! -f "$data/more.properties" ] || cat "$data/more.properties" >>"$data/server.properties"
java=(java -Xmx512m -Xms256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*"
    -Dorg.slf4j.simpleLogger.defaultLogLevel=error)
if [ ! -d "$data/log" ]; then
    # One name for all: nodes of a cluster must agree on it, and no two clusters here can meet.
    "${java[@]}" kafka.tools.StorageTool format --cluster-id Z2lyby1vbi0xMjcuMC4wLg --config "$data/server.properties" \
        >/dev/null
fi
exec "${java[@]}" kafka.Kafka "$data/server.properties"
