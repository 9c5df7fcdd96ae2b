/* One veth pair in a namespace of this process alone: `near` is the test's end, `far` the node's,
 * with MAC addresses MAC_CLIENT and MAC_NODE. No addresses, no ARP, no IPv6: nobody but the test
 * sends anything. It goes when the process enters another namespace or ends. Needs root. */
#pragma once

#include "bpf/steer_model.h"

struct bpf_object;

struct veth {
	uint32_t near, far;      /* interface indexes */
	struct bpf_object *pass; /* on near's end when far runs XDP (KERNEL.md) */
};

/* Enters a new network namespace and makes the pair there. Ends the process if it cannot. */
void veth_up(struct veth *ret_veth);
void veth_down(struct veth *veth);

/* Puts a program on far, in place of what entry had there. Returns 0 or -errno. */
int veth_attach(struct veth *veth, enum entry_point entry, int program);
void veth_detach(struct veth *veth, enum entry_point entry);

/* Raw sockets on near's end; each frame sent begins with a struct virtio_net_hdr if it is wanted.
 * The receiver gets only what comes in. */
int veth_sender(const struct veth *veth, bool with_header);
int veth_receiver(const struct veth *veth, int patience_s);
/* Gets what leaves far, before the call that sends it returns; and what arrives there. */
int veth_tap(const struct veth *veth);
