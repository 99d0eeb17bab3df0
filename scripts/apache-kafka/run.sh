#!/usr/bin/env bash
# Fetches Apache Kafka from Maven Central, once, and starts one broker of it in KRaft mode.
#
#   run.sh fetch LIBS                          fetch the jars into the folder LIBS, if they aren't there
#   run.sh start LIBS DATA PORT CONTROLLER     fetch, format the folder DATA, and become the broker: listens on
#                                              127.0.0.1:PORT, its controller on 127.0.0.1:CONTROLLER
#
# Needs Java 17 and Maven.
set -euo pipefail

command=$1
mkdir -p "$2"
libs=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

fetch() {
    [ -f "$libs/.complete" ] && return
    command -v mvn >/dev/null || { echo "Apache Kafka is fetched with Maven, and there is no mvn" >&2; exit 3; }
    # Only one at a time; whoever waited finds it done.
    exec 9>"$libs/.lock"
    flock 9
    [ -f "$libs/.complete" ] && return
    mvn -q -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$libs" -DincludeScope=runtime >&2
    touch "$libs/.complete"
}

command -v java >/dev/null || { echo "Apache Kafka needs Java 17, and there is no java" >&2; exit 3; }
fetch
[ "$command" = start ] || exit 0

data=$3 port=$4 controller=$5
mkdir -p "$data"
cat >"$data/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data/log
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
EOF
java=(java -Xmx512m -Xms256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*")
if [ ! -d "$data/log" ]; then
    id=$("${java[@]}" kafka.tools.StorageTool random-uuid)
    "${java[@]}" kafka.tools.StorageTool format --cluster-id "$id" --config "$data/server.properties" >/dev/null
fi
exec "${java[@]}" kafka.Kafka "$data/server.properties"
