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
#define barrier()       __asm__ volatile("" ::: "memory")

void *bpf_map_lookup_elem(void *map, const void *key);
__u64 bpf_ktime_get_boot_ns(void);
long bpf_redirect(__u32 if_index, __u64 flags);
__u64 bpf_xdp_get_buff_len(struct xdp_md *frame);
long bpf_skb_pull_data(struct __sk_buff *skb, __u32 bytes);
__s64 bpf_csum_update(struct __sk_buff *skb, __u32 sum);
