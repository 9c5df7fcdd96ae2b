/* Owns the place: a filter outlives its loader, so priority and handle are fixed and the next start
 * finds it. LIBBPF_OPTS throughout: libbpf refuses options whose padding is not zero. */
#include "steer/tc_hook.h"

#include <errno.h>

enum { TC_PRIORITY = 0xbe11, TC_HANDLE = 1 };

void tc_hook_clear(uint32_t if_index, enum bpf_tc_attach_point side)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_index, .attach_point = side);
	LIBBPF_OPTS(bpf_tc_opts, place, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	bpf_tc_detach(&hook, &place);
}

int tc_hook_attach(uint32_t if_index, enum bpf_tc_attach_point side, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_index, .attach_point = side);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = TC_HANDLE, .priority = TC_PRIORITY,
		    .prog_fd = program, .flags = BPF_TC_F_REPLACE);
	int rc = bpf_tc_hook_create(&hook);

	if (rc < 0 && rc != -EEXIST)
		return rc;
	return bpf_tc_attach(&hook, &filter);
}

bool tc_hook_is_taken(uint32_t if_index, enum bpf_tc_attach_point side)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_index, .attach_point = side);
	LIBBPF_OPTS(bpf_tc_opts, place, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	return bpf_tc_query(&hook, &place) == 0;
}
