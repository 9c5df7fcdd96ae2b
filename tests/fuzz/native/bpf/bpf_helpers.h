/* Found in place of libbpf's header of this name when a BPF program is compiled for user space
 * (steer_native.c): maps are plain objects, and helpers are functions that the test provides. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define barrier()       __asm__ volatile("" ::: "memory")

void *bpf_map_lookup_elem(void *map, const void *key);
__u64 bpf_ktime_get_boot_ns(void);
long bpf_redirect(__u32 if_index, __u64 flags);
__u64 bpf_xdp_get_buff_len(struct xdp_md *frame);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 bytes);
__s64 bpf_csum_update(struct __sk_buff *skb, __u32 sum);
long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 bytes);
long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 bytes,
			 __u64 flags);
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags);
long bpf_clone_redirect(struct __sk_buff *skb, __u32 if_index, __u64 flags);
