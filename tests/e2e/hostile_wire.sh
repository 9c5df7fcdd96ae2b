# A hostile wire for mirror pieces, on the way into lab nodes (bpf/lab_hostile.bpf.c); sourced after
# lib.sh. Needs `make e2e-programs`. Not a program.
hostile_kinds=(passed dropped doubled held_back corrupted replayed forged) # as in the program

hostile_pin() # NODE: where its program and maps are pinned
{
	echo "/sys/fs/bpf/bw-hostile-$1"
}

on_node() # NODE COMMAND...: in its network, with our file systems (ip netns exec hides pins)
{
	nsenter --net="/run/netns/bw-$1" "${@:2}"
}

# hostile_up NODE...: every piece passes until rates are set. Super-packets are not touched, so the
# nodes send none from now on.
hostile_up()
{
	local node pin

	for node; do
		pin=$(hostile_pin "$node")
		mkdir -p "$pin"
		bpftool prog load "$build/bpf/lab_hostile.bpf.o" "$pin/program" type tc \
			pinmaps "$pin" || die "the hostile wire cannot be loaded"
		on_node "$node" tc qdisc add dev eth0 clsact 2>/dev/null || true
		on_node "$node" tc filter add dev eth0 ingress prio 1 bpf direct-action \
			pinned "$pin/program" || die "the hostile wire cannot be attached"
		on_node "$node" ethtool -K eth0 tx-udp-segmentation off gso off >/dev/null
	done
}

# hostile_set NODE KIND=PER_MILLE...: what is not named is 0
hostile_set()
{
	local node=$1 i rate pair

	for i in "${!hostile_kinds[@]}"; do
		rate=0
		for pair in "${@:2}"; do
			[ "${pair%%=*}" != "${hostile_kinds[i]}" ] || rate=${pair#*=}
		done
		bpftool map update pinned "$(hostile_pin "$node")/lab_rates" \
			key "$i" 0 0 0 value $((rate & 255)) $((rate >> 8)) 0 0
	done
}

# hostile_counts NODE: "KIND PIECES" lines
hostile_counts()
{
	bpftool -j map dump pinned "$(hostile_pin "$1")/lab_hostile" |
		jq -r --arg kinds "${hostile_kinds[*]}" \
			'($kinds | split(" ")) as $k | .[].formatted | "\($k[.key]) \(.value)"'
}

hostile_down() # NODE...
{
	local node

	for node; do
		on_node "$node" tc filter del dev eth0 ingress prio 1 2>/dev/null || true
		rm -rf "$(hostile_pin "$node")"
	done
}
