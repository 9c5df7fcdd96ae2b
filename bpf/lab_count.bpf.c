/* Counts what leaves an interface, by TCP destination port: tests put it on the client's NIC and
 * compare with what the steering programs say they forwarded. IPv4; a super-packet counts once. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32); /* port, host order */
	__type(value, __u64);
	__uint(max_entries, 65536);
} lab_count SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct tcphdr tcp;
	__u32 port;
	__u64 *packets;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0 || ip.protocol != IPPROTO_TCP ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + ip.ihl * 4, &tcp, sizeof(tcp)) < 0)
		return TC_ACT_OK;
	port = bpf_ntohs(tcp.dest);
	packets = bpf_map_lookup_elem(&lab_count, &port);
	if (packets)
		__sync_fetch_and_add(packets, 1);
	return TC_ACT_OK;
}

char lab_count_license[] SEC("license") = "Dual BSD/GPL";
