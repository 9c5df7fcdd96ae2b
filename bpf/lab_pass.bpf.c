/* Lets every frame pass. XDP_TX on one end of a veth pair is lost unless a program sits on the
 * other end, so deploy/lab puts this one on its switch ports when it tests XDP. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int lab_pass(struct xdp_md *frame)
{
	(void)frame;
	return XDP_PASS;
}

char lab_pass_license[] SEC("license") = "Dual BSD/GPL";
