# What the e2e scripts share; sourced after `cd` to the tree's top. Not a program.
build=$(realpath -m "${BUILD:-build}")
history=$build/tests/e2e/history
lab=$PWD/deploy/lab/lab
work=$(mktemp -d)
kept_logs=$build/logs/$(IFS=_ && set -- "${0##*/}" "$@" && echo "$*").lab # of a test that failed
producer= # pid of a history that runs in the background

die()
{
	echo "$0: $*" >&2
	exit 1
}

# until_true SECONDS COMMAND...: tries until it succeeds
until_true()
{
	local deadline=$((SECONDS + $1))

	until "${@:2}" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.02
	done
}

end_producer()
{
	[ -z "$producer" ] || kill -9 "$producer" 2>/dev/null || true
}

# ---- a single broker ----

# Prints a port of 127.0.0.1 that nobody listens on, below those that the kernel gives to clients.
free_port() # [FROM]
{
	local candidate=${1:-$((20000 + $$ % 10000))}

	while (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do
		candidate=$((20000 + (candidate + 97) % 10000))
	done
	echo "$candidate"
}

port=$(free_port)
broker_pid=
broker_prefix=() # words before the program's name, for what ends by an exec: setpriv, prlimit

start_broker() # SETTING=VALUE...
{
	local setting words=()

	for setting in "listeners=PLAINTEXT://127.0.0.1:$port" "log.dirs=$work/data" "$@"; do
		words+=(--set "$setting")
	done
	"${broker_prefix[@]}" "$build/bellwether" "${words[@]}" \
		>>"$work/broker.log" 2>&1 </dev/null &
	broker_pid=$!
	until_true 20 single_is_ready || die "the broker is not ready"
}

# It answers, and it is not fenced any more.
single_is_ready()
{
	"$build/bwctl" -b "127.0.0.1:$port" --timeout 1 cluster --json |
		jq -e '.brokers | length == 1'
}

stop_broker() # SIGNAL
{
	[ -n "$broker_pid" ] || return 0
	kill "-$1" "$broker_pid" 2>/dev/null || true
	wait "$broker_pid" 2>/dev/null || true
	broker_pid=
}

# Says so when SIGTERM does not end it by itself, with status 0, within 2 s (or SECONDS).
stop_broker_cleanly() # [SECONDS]
{
	local pid=$broker_pid status=0 limit_s=${1:-2}

	broker_pid=
	kill -TERM "$pid"
	if ! until_true "$limit_s" is_gone "$pid"; then
		kill -9 "$pid"
		die "the broker runs on $limit_s s after SIGTERM"
	fi
	wait "$pid" || status=$?
	[ $status -eq 0 ] || die "the broker ended a clean shutdown with status $status"
}

is_gone() # PID
{
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

end_single()
{
	local status=$?

	end_producer
	stop_broker KILL
	! mountpoint -q "$work/data" || until_true 5 umount "$work/data" # a disk of the test's own
	[ $status -eq 0 ] || [ ! -e "$work/broker.log" ] || tail -n 20 "$work/broker.log"
	rm -rf "$work"
}

# ---- the lab ----

need_root()
{
	[ "$(id -u)" -eq 0 ] || {
		echo "needs root: it makes network namespaces"
		rmdir "$work"
		exit 77
	}
}

# The nodes' logs of a test that failed outlive the labs of the tests after it.
keep_lab_logs()
{
	local from=${LAB_DIR:-$PWD/build/lab} log

	rm -rf "$kept_logs"
	for log in "$from"/b*/*.log; do
		[ -e "$log" ] || continue
		install -D -m 644 "$log" "$kept_logs/${log#"$from/"}"
		echo "--- $log"
		tail -n 12 "$log"
	done
	echo "--- all of them are kept in $kept_logs"
}

end_lab()
{
	local status=$?

	[ $status -eq 0 ] || keep_lab_logs
	end_producer
	"$lab" down
	rm -rf "$work"
}

client()
{
	nsenter --net=/run/netns/bw-client "$@"
}

lab_ctl()
{
	client "$build/bwctl" -b 10.77.0.1:9092,10.77.0.2:9092,10.77.0.3:9092 --timeout 3 "$@"
}

holder_of() # SLOT
{
	lab_ctl slot list --json |
		jq -r --argjson slot "$1" '.[] | select(.slot == $slot) | .holder'
}

held_by_another() # SLOT BROKER
{
	local holder

	holder=$(holder_of "$1") && [ "${holder:--1}" -ge 1 ] && [ "$holder" -ne "$2" ]
}

broker_count_is() # NUMBER
{
	[ "$(lab_ctl cluster --json | jq '.brokers | length')" -eq "$1" ]
}

# Every replica of every partition of TOPIC is in sync.
in_sync() # TOPIC
{
	lab_ctl topic describe "$1" --json |
		jq -e 'all(.[].partitions[]; (.isr | length) == (.replicas | length))'
}

holds_nothing() # BROKER: and every slot has a holder
{
	lab_ctl slot list --json | jq -e --argjson broker "$1" \
		'all(.[]; .holder >= 1 and .holder != $broker)'
}

# What the kernel of a node goes by is what the cluster says.
maps_agree() # NODE
{
	local said kernel

	said=$(lab_ctl slot list --json | jq -c 'map([.slot, .holder]) | sort')
	kernel=$(bpftool map dump pinned "/sys/fs/bpf/bellwether/b$1/bw_slots" |
		jq -c 'map([.value.slot, .value.holder]) | unique')
	[ -n "$said" ] && [ "$kernel" = "$said" ]
}

# Where no program is attached there is no map.
check_maps() # MODE NODE
{
	[ "$1" != off ] || return 0
	until_true 5 maps_agree "$2" || {
		bpftool map dump pinned "/sys/fs/bpf/bellwether/b$2/bw_slots"
		die "bw_slots of b$2 does not show the new holders"
	}
}

# An idempotent producer in the background, for as long as the test runs.
start_producer() # ADDRESS TOPIC PARTITIONS [OPTION...]
{
	nsenter --net=/run/netns/bw-client "$history" produce -b "$1" -t "$2" -p "$3" \
		-r 1000 -d 900 -o "$work/produced" "${@:4}" &
	producer=$!
}

stop_producer()
{
	local pid=$producer

	kill -INT "$pid"
	wait "$pid" || die "the producer lost records"
	producer=
}

# librdkafka doubles its pause before each reconnect, and forgets when 10 s have passed after the
# last of these pauses. A loss that comes sooner would measure that memory, not the cluster: this
# comes between the cluster's being whole again and the next loss.
let_clients_forget()
{
	sleep 11
}

# Every log of TOPIC has the same bytes on all three brokers.
logs_are_equal() # TOPIC
{
	local data=${LAB_DIR:-$PWD/build/lab} broker file

	for broker in 2 3; do
		for file in "$data/b1/data/$1"-*/*.log; do
			cmp -s "$file" "$data/b$broker/${file#"$data/b1/"}" || return 1
		done
	done
}
