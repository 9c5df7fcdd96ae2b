# What the scripts of tests/vm share; sourced after `cd` to the tree's top. Not a program.
build=$(realpath -m "${BUILD:-build}")
vm=$PWD/deploy/vm/vm
vm_dir=$(realpath -m "${VM_DIR:-build/vm}")
history=$build/tests/e2e/history
history_there=/usr/local/bin/history # in the client machine; the word alone is bash's own
work=$(mktemp -d)
address=10.77.0.100:9092 # all that a client ever knows
brokers=10.77.0.1:9092,10.77.0.2:9092,10.77.0.3:9092
partitions=6
producer= # pid of the command that runs history in the client machine
produced= # what it says

die()
{
	echo "$0: $*" >&2
	exit 1
}

need_vm()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root: it makes a disk image"
	command -v qemu-system-x86_64 >/dev/null || skip "needs QEMU: deploy/packages install-vm"
}

skip()
{
	echo "$*"
	rmdir "$work"
	exit 77
}

end_vm()
{
	local status=$? node

	if [ $status -ne 0 ]; then
		tail -n 5 "$work/producer.log" 2>/dev/null || true
		"$vm" status || true
		for node in b1 b2 b3; do
			echo "--- $node"
			tail -n 5 "$vm_dir/$node/console.log" || true
			timeout 60 "$vm" exec "$node" journalctl -q --no-pager -n 25 \
				-o short-precise -u bellwether -u bwsteer </dev/null || true
		done
	fi
	[ -z "$producer" ] || kill "$producer" 2>/dev/null || true
	"$vm" down
	rm -rf "$work"
}

# until_true SECONDS COMMAND...: tries until it succeeds
until_true()
{
	local deadline=$((SECONDS + $1))

	until "${@:2}" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.2
	done
}

in_vm() # NODE COMMAND...: without input, and bounded
{
	timeout -k 5 "${patience_s:-300}" "$vm" exec "$@" </dev/null
}

client()
{
	in_vm client "$@"
}

vm_ctl()
{
	client bwctl -b "$brokers" --timeout 15 "$@"
}

# ---- what the cluster says ----

holder_of() # SLOT
{
	vm_ctl slot list --json |
		jq -r --argjson slot "$1" '.[] | select(.slot == $slot) | .holder'
}

broker_count_is() # NUMBER
{
	[ "$(vm_ctl cluster --json | jq '.brokers | length')" -eq "$1" ]
}

# Every replica of every partition of the topic is in sync.
in_sync() # TOPIC
{
	vm_ctl topic describe "$1" --json |
		jq -e 'all(.[].partitions[]; (.isr | length) == (.replicas | length))'
}

holds_nothing() # BROKER: and every slot has a holder
{
	vm_ctl slot list --json | jq -e --argjson broker "$1" \
		'all(.[]; .holder >= 1 and .holder != $broker)'
}

# ---- what the kernel of a machine says, by bpftool inside it ----

map_of() # NODE MAP
{
	in_vm "$1" bpftool -j map dump name "$2"
}

# bw_slots leads where the cluster says, and bw_leaders names the leaders that it names.
maps_agree() # NODE TOPIC
{
	local said kernel

	said=$(vm_ctl slot list --json | jq -c 'map([.slot, .holder]) | sort')
	kernel=$(map_of "$1" bw_slots |
		jq -c 'map(.formatted.value) | map([.slot, .holder]) | unique')
	[ -n "$said" ] && [ "$kernel" = "$said" ] || return 1
	said=$(vm_ctl topic describe "$2" --json |
		jq -c '[.[].partitions[] | [.partition, .leader]] | sort')
	kernel=$(map_of "$1" bw_leaders |
		jq -c --arg topic "$2" 'map(.formatted) | map(select(.key.topic == $topic)) |
			map([.key.partition, .value.leader]) | sort')
	[ "$kernel" = "$said" ]
}

steered() # NODE: frames that its kernel has sent on to another machine
{
	in_vm "$1" bwsteer stats --json |
		jq '[.verdicts | to_entries[] | select(.key | startswith("steered")) |
			.value.packets] | add // 0'
}

# ---- what the brokers count ----

metrics_of() # NODE
{
	client bash -c 'exec 3<>"/dev/tcp/$1/9464" && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 &&
		cat <&3' bash "10.77.0.${1#b}"
}

# The sum of the samples that begin with WORD over all brokers.
sum_of() # WORD
{
	local node

	for node in b1 b2 b3; do
		metrics_of "$node"
	done | awk -v word="$1" 'index($0, word) == 1 { sum += $NF } END { printf "%.0f\n", sum }'
}

# ---- clients ----

# An idempotent producer in the client machine. What it knows is written down outside, as it comes:
# no power cut can take an acknowledgement back that was seen.
start_producer() # NAME [OPTION...]
{
	produced=$work/produced.$1
	"$vm" exec client "$history_there" produce -b "$address" -t events -p $partitions -n "$1" \
		-r 100 -d 3000 -m 900000 "${@:2}" >"$produced" 2>>"$work/producer.log" </dev/null &
	producer=$!
	until_true 120 acknowledged_more_than 0 || die "nothing is acknowledged"
}

acknowledged()
{
	grep -c '^acked ' "$produced" || true
}

acknowledged_more_than() # NUMBER
{
	[ "$(acknowledged)" -gt "$1" ]
}

# More records go through than had by now.
wait_for_progress() # SECONDS
{
	until_true "$1" acknowledged_more_than $(($(acknowledged) + 100)) ||
		die "producing does not go on within $1 s"
}

stop_producer()
{
	local pid=$producer

	client pkill -INT -x history || true
	wait "$pid" || die "the producer lost records"
	producer=
}

# Reads everything back and compares it with what all producers were told.
check_history()
{
	client "$history_there" consume -b "$address" -t events -p $partitions -i 60000 \
		>"$work/consumed" || die "not everything can be read"
	"$history" check "$work"/produced.* "$work/consumed" | tee "$work/verdict" |
		grep -E '^(sent|acked|failed|read|result|partition_gap|gap)' || true
	grep -qx 'result ok' "$work/verdict" || {
		cat "$work/verdict"
		die "what was acknowledged is not what was read"
	}
}

# kcat, as its users know it.
kcat_round_trip() # TOPIC LINES
{
	client bash -c "seq 1 $2 |
		timeout 200 kcat -P -b $address -t $1 -X enable.idempotence=true" ||
		die "kcat cannot write"
	client timeout 200 kcat -C -e -q -b "$address" -t "$1" -o beginning >"$work/kcat" ||
		die "kcat cannot read"
	sort -n "$work/kcat" | cmp - <(seq 1 "$2") || die "kcat does not read what was written"
}

create_topic()
{
	vm_ctl topic create events --partitions $partitions --replication-factor 3
}
