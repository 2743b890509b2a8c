#!/usr/bin/env bash
# Starts one Kafka server, configured by the environment as the image apache/kafka is: KAFKA_A_B is
# a.b, __ stands for an underscore and ___ for a dash, CLUSTER_ID names the cluster. The folder of
# the data is formatted where it is new, so that a container that is started again finds its data.
set -euo pipefail

settings=/tmp/server.properties

# Variables of that form that are meant for the JVM and for scripts, not for the server.
for_the_jvm=" KAFKA_HEAP_OPTS KAFKA_OPTS KAFKA_JMX_OPTS KAFKA_GC_LOG_OPTS KAFKA_JVM_PERFORMANCE_OPTS
 KAFKA_LOG4J_OPTS KAFKA_LOG4J_ROOT_LOGLEVEL KAFKA_LOG4J_LOGGERS KAFKA_TOOLS_LOG4J_LOGLEVEL KAFKA_VERSION "

property() {
	local name=${1#KAFKA_}
	name=${name//_/.}
	name=${name//.../-}
	name=${name//../_}
	local value=${!1}
	value=${value//\\/\\\\}
	echo "${name,,}=${value//$'\n'/\\n}"
}

{
	# Kafka's own default is another folder.
	[[ -n ${KAFKA_LOG_DIRS:-} ]] || echo "log.dirs=/tmp/kraft-combined-logs"
	compgen -e KAFKA_ | while read -r variable; do
		[[ $for_the_jvm == *[[:space:]]"$variable"[[:space:]]* ]] || property "$variable"
	done
} >"$settings"

# Quick to start rather than quick at its peak: one server lives for minutes here.
read -ra options <<<"${KAFKA_HEAP_OPTS:--Xmx1g} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC} ${KAFKA_OPTS:-}"
log=-Dorg.slf4j.simpleLogger
options+=("$log.showDateTime=true" "$log.dateTimeFormat=HH:mm:ss.SSS" "$log.showThreadName=false"
	"$log.defaultLogLevel=${KAFKA_LOG4J_ROOT_LOGLEVEL:-INFO}" -cp "/opt/kafka/libs/*")

data=$(sed -n 's/^log\.dirs=\([^,]*\).*/\1/p' "$settings" | tail -n 1)
if [[ ! -e $data/meta.properties ]]; then
	java "${options[@]}" kafka.tools.StorageTool format \
		--cluster-id "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" --config "$settings" >&2
fi
exec java "${options[@]}" kafka.Kafka "$settings"
